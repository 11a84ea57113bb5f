use std::error::Error;

/// Tells whether a retry of the same input can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// The same input may succeed later: the state machine retries.
    Transient,
    /// The same input fails again: the state machine sends the notice at once.
    Permanent,
}

/// An error with a [`FailureName`]. `Display` says in one line what happened and where.
pub trait Failure: Error {
    fn name(&self) -> FailureName;
}

macro_rules! failure_names {
    ($($(#[doc = $summary:literal])* $name:ident => $class:ident, $what_to_do:literal;)*) => {
        /// The names of all failures. They are part of the public contract.
        ///
        /// A name is the Step Functions error name: `Retry`, `Catch` and notices have it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureName { $($(#[doc = $summary])* $name,)* }

        impl FailureName {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            pub fn class(self) -> FailureClass {
                match self { $(Self::$name => FailureClass::$class,)* }
            }

            /// Returns what happened, in one sentence: the doc comment of the variant.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$name => concat!($($summary),*).trim_ascii(),)* }
            }

            /// Returns the remedy for the reader of a notice, in one line. It starts with a verb.
            pub fn what_to_do(self) -> &'static str {
                match self { $(Self::$name => $what_to_do,)* }
            }
        }
    };
}

failure_names! {
    // Any function.
    /// The payload does not match the function.
    InvalidInput => Permanent, "deploy the functions and the state machines from the same release; the folder events has an example of each payload";
    /// A setting of the function is missing or invalid.
    InvalidConfiguration => Permanent, "correct the setting in the parameters of the stack, deploy again, then run `penstock replay --key KEY`";
    /// Penstock has a bug: a panic, or a case that should be impossible.
    InternalError => Permanent, "report this bug of Penstock with the ARN of the execution";

    // check-file-extension
    /// The event is unrecognized, or it names no created object.
    InvalidEvent => Permanent, "send an S3 event; to start an execution by hand, send {\"bucket\": …, \"key\": …}";
    /// The file name has no supported extension.
    UnsupportedFormat => Permanent, "upload the file as .csv, .tsv, .txt, .json, .jsonl (each also as .gz, .zst, .bz2 or .zip) or .parquet, or declare the `format` of the dataset; keep other files in another bucket";
    /// The data file has no bytes, or it has no rows and would empty its table.
    EmptyFile => Permanent, "ask the producer for the file; to let a file without rows empty its table, set `allow_empty = true`";

    // A fault plan, in any function.
    /// A failure from the fault plan, which a retry may pass.
    RandomFailure => Transient, "deploy without a fault plan to stop the failures, then run `penstock replay --key KEY`";
    /// A failure from the fault plan, which is not retried.
    PlannedFailure => Permanent, "deploy without a fault plan to stop the failures, then run `penstock replay --key KEY`; for a run, `penstock rerun RUN`";

    // trigger-resolver
    /// No dataset has a source or trigger that matches the key.
    NoDataset => Permanent, "correct the key, or add a dataset that matches it, then upload the file again; `penstock explain KEY` shows how a key is matched";
    /// A pipeline definition in the definitions bucket is invalid.
    InvalidDefinition => Permanent, "correct pipeline.toml until `penstock check` passes, upload it, then run `penstock replay --key KEY`";
    /// The trigger says that its process failed.
    UpstreamFailed => Permanent, "repair the process that writes this dataset; its next success writes a new trigger";
    /// The data file of a trigger did not arrive in time.
    SourceMissing => Permanent, "have the producer write the key in the message, then upload the trigger again; if the file is only late, raise `wait` of the dataset";
    /// The object of the event does not exist.
    ObjectMissing => Permanent, "upload the file again; it was deleted, or its event has a wrong key";

    // S3, in any function.
    /// S3 did not answer, or answered with a temporary error.
    StorageUnavailable => Transient, "wait until S3 answers, then run `penstock replay --key KEY`";
    /// S3 stopped sending in the middle of an object.
    StorageStalled => Transient, "run `penstock replay --key KEY`; if it fails again, check the network between the function and S3";
    /// S3 denies access.
    StorageDenied => Permanent, "allow the function's role to access the object (bucket policy, KMS key), then run `penstock replay --key KEY`";
    /// The received bytes do not match the object's length or checksum.
    ObjectCorrupted => Transient, "upload the file again";
    /// A newer version replaced the object, and the event's version no longer exists.
    ObjectReplaced => Permanent, "do nothing: the newer version has its own event, which loads it";

    // loader: the file
    /// The header does not match the dataset's columns.
    HeaderMismatch => Permanent, "correct the header and upload the file again, or change the dataset's columns and run `penstock replay --key KEY`; nothing was loaded";
    /// The file is not valid in its format.
    MalformedFile => Permanent, "correct the file at the position in the message and upload it again; nothing was loaded";
    /// More rows were rejected than the dataset allows.
    TooManyRejects => Permanent, "correct the rows and upload the file again (the message has the first rejects), or raise the dataset's limit and run `penstock replay --key KEY`; nothing was loaded";
    /// A record exceeds the size limit.
    RecordTooLarge => Permanent, "look for a quote that is never closed at the line in the message, then upload the corrected file; nothing was loaded";
    /// The decompressed file exceeds its size limit.
    DecompressionLimit => Permanent, "split the file, or upload it uncompressed; nothing was loaded";
    /// The function had to stop before its timeout.
    DeadlineExceeded => Permanent, "raise LoaderTimeout or LoaderMemory (more memory brings more CPU), or split the file; for a run, raise TransformerTimeout; nothing was committed";

    // loader: the database
    /// PostgreSQL is not reachable, or it closed the connection.
    DatabaseUnavailable => Transient, "check that PostgreSQL runs, is reachable and has free disk space, then run `penstock replay --key KEY`";
    /// Another session holds a lock on the object or on the table.
    LoadInProgress => Transient, "run `penstock replay --key KEY`; if it fails again, end the database session that holds the lock";
    /// PostgreSQL rejected a statement, and would reject it again.
    DatabaseRefused => Permanent, "remove the cause in PostgreSQL's message (a privilege, a constraint or a trigger of the table), then run `penstock replay --key KEY`";
    /// The table's columns differ from the dataset's columns.
    TableMismatch => Permanent, "change the table or the dataset until names and types agree, then run `penstock replay --key KEY`";
    /// The repaired load has no rejects, or its rows are no longer in the table.
    NotRepairable => Permanent, "find the load that replaced it with `penstock loads` and its rejects with `penstock rejects LOAD`, and repair that load; or upload the whole file again; nothing was loaded";
    /// The load to replace was forgotten, is a repair, or is a load of another file.
    NotReloadable => Permanent, "list the loads of the file with `penstock loads`, then run `penstock reload KEY`; nothing was changed";

    // Runs
    /// PostgreSQL rejected a statement of a transform.
    TransformFailed => Permanent, "correct the SQL file as PostgreSQL's message says, upload it, then run `penstock rerun RUN`; no transform of the run was committed";
    /// The SQL file of a transform is missing or invalid.
    InvalidTransform => Permanent, "correct the SQL file until `penstock check` passes, upload it, then run `penstock rerun RUN`";
    /// The transforms are committed, but an export could not be written.
    ExportFailed => Permanent, "remove the cause in the message, then run `penstock rerun RUN`, which writes the exports again";
    /// Datasets were missing at the deadline of the run, or when it was started by hand.
    RunIncomplete => Permanent, "have the producers write the datasets in the message: the run starts when they are loaded; to run without them, run `penstock run PIPELINE --date DATE --force`";
    /// A run was forced or repeated, and its period has no loads.
    NoRunInput => Permanent, "name a period that `penstock runs --pipeline PIPELINE` lists, or load files of the period; to run a failed run again, run `penstock rerun RUN`";
    /// The execution of the run was stopped.
    RunInterrupted => Permanent, "run `penstock rerun RUN`";
    /// Another execution works on the run, or a session holds a lock on its tables.
    RunInProgress => Transient, "wait for the other execution, then run `penstock rerun RUN`; if it fails again, end the database session that holds the lock";
    /// No valid definition has the name of this pipeline.
    NoPipeline => Permanent, "use the name of a pipeline in the definitions bucket; `penstock check` finds invalid definitions";

    // reconciler
    /// Step Functions or SQS did not answer the reconciler.
    ExecutionsUnavailable => Transient, "allow the reconciler's role to read the executions of process-file and the dead-letter queue; in a VPC, give its subnets a route to Step Functions and SQS; the next reconcile tries again";
    /// A reconcile takes more time than one invocation has.
    TooMuchToReconcile => Permanent, "lower ReconcileWindow, or let a lifecycle rule expire old objects of the landing bucket; until then, run `penstock reconcile --start`, which has no time limit";
}

impl FailureName {
    /// Returns the failure with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == name)
    }
}

impl std::fmt::Display for FailureName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_name_parses_and_has_a_remedy() {
        for name in FailureName::ALL {
            assert_eq!(FailureName::parse(name.as_str()), Some(*name));
            assert!(!name.what_to_do().is_empty() && !name.what_to_do().contains('\n'), "{name}");
        }
        assert_eq!(FailureName::parse("States.ALL"), None);
    }
}
