//! Every limit of this crate.

use chrono::TimeDelta;

/// Calls to one AWS service that run at the same time.
pub const CONCURRENCY: usize = 16;

/// How long Step Functions keeps an execution that has ended.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub(crate) const EXECUTIONS_KEPT: TimeDelta = TimeDelta::days(90);

/// The largest difference between the clocks of S3 and Step Functions.
pub(crate) const CLOCK_DIFFERENCE_MAX: TimeDelta = TimeDelta::minutes(10);

/// Executions on one page of a listing: the most that Step Functions allows.
pub(crate) const EXECUTIONS_PAGE: i32 = 1_000;

/// Attempts of one call to Step Functions, the first included. Many calls in a row are throttled to 15 a second.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub(crate) const EXECUTIONS_ATTEMPTS_MAX: u32 = 12;

/// How long a received message is hidden from other readers, unless it is released earlier.
pub(crate) const MESSAGE_HIDDEN_S: i32 = 120;

/// How long a receive waits. A receive that waits asks all servers of the queue, so an empty answer means an empty
/// queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
pub(crate) const RECEIVE_WAIT_S: i32 = 1;

/// Messages in one call to SQS.
pub(crate) const MESSAGE_BATCH_MAX: u8 = 10;
