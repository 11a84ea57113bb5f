use std::error::Error;

/// What may become of a failed state when it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same input may succeed later: the machine retries.
    Transient,
    /// The same input fails again: the machine notifies at once.
    Permanent,
}

/// An error that knows the name by which operators and the state machine call it.
///
/// `Display` says what and where, in one line; the name says what kind; [`FailureName::what_to_do`] says what next.
pub trait Failure: Error {
    fn name(&self) -> FailureName;
}

macro_rules! failure_names {
    ($($(#[doc = $summary:literal])* $name:ident => $class:ident, $what_to_do:literal;)*) => {
        /// Every name under which a state can fail: part of the public contract.
        ///
        /// The name is the Step Functions error name, so it stands in `Retry`, in `Catch` and in notices.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureName { $($(#[doc = $summary])* $name,)* }

        impl FailureName {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// Returns what happened, in one sentence: the doc comment of the variant.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$name => concat!($($summary),*).trim_ascii(),)* }
            }

            /// One sentence for the person who reads the notice.
            pub fn what_to_do(self) -> &'static str {
                match self { $(Self::$name => $what_to_do,)* }
            }
        }
    };
}

failure_names! {
    // Any function.
    /// The payload is not the one this state takes.
    InvalidInput => Permanent, "compare the state's input with the sample events; deploy functions and state machine from the same release";
    /// A setting of the function is missing or wrong.
    InvalidConfiguration => Permanent, "correct the setting named here in the stack's parameters and deploy again, then replay the file";
    /// A bug of ours: a panic, or a case that cannot be.
    InternalError => Permanent, "this is a bug in Penstock: report it with the execution's ARN";

    // check-file-extension
    /// No shape of event that we know.
    InvalidEvent => Permanent, "send an S3 event, or {\"bucket\": …, \"key\": …} for a run by hand";
    /// A file of a kind that nothing here reads.
    UnsupportedFormat => Permanent, "upload it as .csv, .tsv, .txt, .json, .jsonl (each also as .gz or .zst) or .parquet, or keep such files under another prefix";
    /// A data file without a byte in it.
    EmptyFile => Permanent, "ask the producer for the file; a file with a header alone loads as zero rows";

    // random-failure-generator
    /// The failure that was asked for.
    RandomFailure => Transient, "nothing is wrong: failures are being injected; set ChaosRate to 0, and deploy without CHAOS, to stop them";
    /// The failure that a plan asks for.
    PlannedFailure => Permanent, "nothing is wrong: a plan of failures asked for it; deploy without CHAOS, then replay the file, and a run by `penstock run PIPELINE --date DATE --force`";

    // trigger-resolver
    /// No dataset has this key as its source or trigger.
    NoDataset => Permanent, "correct the key, or add a dataset whose source or trigger matches it, then upload again";
    /// A definition in the definitions bucket cannot be used.
    InvalidDefinition => Permanent, "correct pipeline.toml as the message says and upload it, then replay the file";
    /// The trigger says that its process did not succeed.
    UpstreamFailed => Permanent, "look at the process that writes this dataset; once it has succeeded it writes a new trigger";
    /// The data file that a trigger announces did not come in time.
    SourceMissing => Permanent, "have the producer write the key named here, then upload the trigger again; a longer wait is the dataset's `wait`";
    /// The object that the event names is not there (any more).
    ObjectMissing => Permanent, "upload the file again; it was deleted, or its key is not the one in the event";

    // S3, from any function
    /// S3 cannot answer now.
    StorageUnavailable => Transient, "S3 did not answer after several tries; replay the file when it does";
    /// S3 stopped sending in the middle of the object.
    StorageStalled => Transient, "S3 stopped sending; replay the file, and look at the network path if it comes again";
    /// S3 refuses us.
    StorageDenied => Permanent, "allow the function's role to read this object (bucket policy, KMS key), then replay the file";
    /// The bytes that came are not the bytes that S3 keeps.
    ObjectCorrupted => Transient, "the body differed from the object's length or checksum each time; upload the file again";
    /// Another version took the object's place, and the event's version is gone.
    ObjectReplaced => Permanent, "nothing is lost: the newer version raised an event of its own and is loaded by it";

    // loader: the file
    /// The header is not the one that the dataset declares.
    HeaderMismatch => Permanent, "correct the file's header, or the dataset's columns, then upload the file again";
    /// The file as a whole cannot be read as what it claims to be.
    MalformedFile => Permanent, "correct the file at the place named here and upload it again; nothing of it was loaded";
    /// More rows were refused than the dataset allows.
    TooManyRejects => Permanent, "correct the rows (the first are named here) or the dataset's rejects limit, then upload the file again; nothing of it was loaded";
    /// One record is larger than any record may be.
    RecordTooLarge => Permanent, "look at the line named here: most often a quote that never closes; nothing of the file was loaded";
    /// A compressed file grows past what is sane.
    DecompressionLimit => Permanent, "if the file is honest, split it or upload it uncompressed; nothing of it was loaded";
    /// The Lambda's time was running out.
    DeadlineExceeded => Permanent, "raise LoaderTimeout or LoaderMemory (which also buys CPU), for a run TransformerTimeout, or split the file; nothing of it was committed";

    // loader: the database
    /// PostgreSQL cannot be reached, or went away.
    DatabaseUnavailable => Transient, "bring PostgreSQL back (reachable, not full), then replay the file";
    /// Another load holds this object's claim, or the table that both would change.
    LoadInProgress => Transient, "another execution is loading the same object or table, or a query holds the table; replay the file, and if it comes again end the database session that holds the lock";
    /// PostgreSQL refuses the statement, and would again.
    DatabaseRefused => Permanent, "read PostgreSQL's message: a right, a constraint or a trigger of the table; then replay the file";
    /// The table that exists is not the one that the dataset declares.
    TableMismatch => Permanent, "change the table or the dataset's columns so that names and types agree, then replay the file";
    /// A repair of a load that has nothing to repair, or whose rows are not in the table any more.
    NotRepairable => Permanent, "nothing was loaded; `penstock loads` names the load that stands in its place and `penstock rejects LOAD` what that one refused: repair that, or upload the whole file again";

    // runs
    /// A statement of a transform was refused by PostgreSQL.
    TransformFailed => Permanent, "correct the SQL file as PostgreSQL's message says and upload it, then `penstock run PIPELINE --date DATE --force`; nothing of the run's transforms was committed";
    /// A transform cannot be used as it is written, or its file is not there.
    InvalidTransform => Permanent, "correct the SQL file as the message says (`penstock check` finds it too), upload it, then `penstock run PIPELINE --date DATE --force`";
    /// The tables are built and an export could not be written.
    ExportFailed => Permanent, "the tables are committed; correct what the message names, then `penstock run PIPELINE --date DATE --force` writes the exports anew";
    /// The deadline passed, or a run was asked for, and datasets of the set had not arrived.
    RunIncomplete => Permanent, "have the producers write the datasets named here: the set runs when they are loaded; or run with what there is: `penstock run PIPELINE --date DATE --force`";
    /// The execution that ran it is gone.
    RunInterrupted => Permanent, "its execution was stopped or died: `penstock run PIPELINE --date DATE --force` runs it anew";
    /// Another execution works on the same run, or a session holds what the transforms change.
    RunInProgress => Transient, "another execution or database session holds the run or its tables; run it again when that has ended, and if it comes again end the session that holds the lock";
    /// No definition of this name can be used.
    NoPipeline => Permanent, "name a pipeline that is in the definitions bucket and passes `penstock check`";

    // reconciler
    /// Step Functions, or the dead-letter queue, cannot tell what became of files.
    ExecutionsUnavailable => Transient, "allow the reconciler's role to read the executions of process-file and the dead-letter queue and, where functions run in a VPC, give its subnets a way to Step Functions and SQS; the next reconcile tries again";
    /// The landing bucket, or what was started for it, is too much to be looked through in one invocation.
    TooMuchToReconcile => Permanent, "lower ReconcileWindow, or have a lifecycle rule expire what is loaded from the landing bucket, which is listed whole each time; meanwhile `penstock reconcile --start` does the same and takes the time that it needs";
}

impl FailureName {
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
    fn every_name_is_found_again_and_says_what_to_do() {
        for name in FailureName::ALL {
            assert_eq!(FailureName::parse(name.as_str()), Some(*name));
            assert!(!name.what_to_do().is_empty() && !name.what_to_do().contains('\n'), "{name}");
        }
        assert_eq!(FailureName::parse("States.ALL"), None);
    }
}
