-- Comments only. They replace the texts of the earlier migrations.
comment on table penstock.migration is 'the migrations of this schema that have run';
comment on column penstock.migration.version is 'number at the start of the migration''s file name';
comment on column penstock.migration.applied_at is 'time of the migration, by the database clock';

comment on table penstock.load is
    'the ledger: one row for each version of a file and each dataset; it commits together with the rows that it counts';
comment on column penstock.load.load_id is 'number of the load; its rows have this number in _load_id';
comment on column penstock.load.pipeline is 'name of the pipeline''s folder';
comment on column penstock.load.dataset is 'name of the dataset in pipeline.toml';
comment on column penstock.load.bucket is 'S3 bucket of the file';
comment on column penstock.load.key is 'S3 key of the file, decoded';
comment on column penstock.load.version_id is 'S3 version id of the file; null in a bucket without versioning';
comment on column penstock.load.etag is 'S3 etag of the file, without quotes';
comment on column penstock.load.sequencer is
    'order of the versions of one key, from the S3 event: hex of varying length; null if no event was there';
comment on column penstock.load.definition_hash is 'SHA-256 of the pipeline.toml that the load used, in hex';
comment on column penstock.load.scheduled_at is 'scheduled start of the process that wrote the data, from the trigger''s name';
comment on column penstock.load.actual_at is 'actual start of the process that wrote the data, from the trigger''s name';
comment on column penstock.load.table_name is 'table of the rows';
comment on column penstock.load.bytes is 'size of the file in S3';
comment on column penstock.load.rows_read is 'records in the file, without the header';
comment on column penstock.load.rows_loaded is
    'records that became rows; with write = "upsert" this includes records that a later record of the same key replaced';
comment on column penstock.load.rows_rejected is 'rejected records; each is a row of penstock.reject';
comment on column penstock.load.outcome is
    'Loaded; AlreadyLoaded: same content as the load before it; Superseded: a newer version was loaded before; Ignored: on_new_version = "ignore"';
comment on column penstock.load.execution_arn is 'the Step Functions execution of the load';
comment on column penstock.load.started_at is 'time of the claim, by the database clock';
comment on column penstock.load.committed_at is 'time right before COMMIT, by the database clock';
comment on column penstock.load.repairs is
    'the load whose rejected records this file corrects; if a newer version of that load''s file replaces its rows, it replaces the rows of the repairs too';
comment on column penstock.load.logical_at is 'the time that the data is about; null for loads before version 4 of this schema';
comment on column penstock.load.header is
    'header of a CSV file, kept if records were rejected; the export of the rejects starts with it; empty if the dataset declares no header';

comment on table penstock.reject is 'one row for each rejected record';
comment on column penstock.reject.load_id is 'the load that rejected the record';
comment on column penstock.reject.line is 'physical line where the record starts, from 1, with the header';
comment on column penstock.reject.byte_offset is 'position in the decompressed file where the record starts, from 0';
comment on column penstock.reject."column" is 'the column with the invalid value; null if the whole record is invalid';
comment on column penstock.reject.reason is 'the reason for the reject';
comment on column penstock.reject.raw is
    'the original record, cut at 8 KiB; bytes that are invalid in text (NUL, invalid UTF-8) are written as \xNN';

comment on table penstock.inferred_column is
    'columns that were inferred from a file, with their names in the files; their types are those of the table';
comment on column penstock.inferred_column.table_name is 'the table with the column';
comment on column penstock.inferred_column."column" is 'name of the column in the table';
comment on column penstock.inferred_column.header is 'name of the column in the files';
comment on column penstock.inferred_column.inferred_at is 'time of the inference, by the database clock';

comment on table penstock.run is 'one run of a pipeline''s transforms and exports, for the loads of one period';
comment on column penstock.run.run_id is 'number of the run; transforms use it as :run_id';
comment on column penstock.run.pipeline is 'name of the pipeline''s folder';
comment on column penstock.run.logical_at is 'start of the run''s period; with per = "file" the time that the data is about';
comment on column penstock.run.state is
    'Waiting: datasets are missing; Ready: complete and not claimed; Running; Succeeded; Failed; Skipped: complete again, with again = "skip"';
comment on column penstock.run.started_at is 'time right before the COMMIT of its first load, by the database clock';
comment on column penstock.run.ended_at is 'time when the run succeeded, failed or was skipped, by the database clock';
comment on column penstock.run.failure is 'failure name of a failed run';
comment on column penstock.run.failure_message is 'failure message of a failed run, and the remedy';
comment on column penstock.run.attempt is
    'number of the attempt in its period, from 1; null if each load is a run, or if the run follows another run';
comment on column penstock.run.datasets is 'the datasets that the run requires';
comment on column penstock.run.deadline_at is 'a run that is Waiting at this time fails; null without a deadline';
comment on column penstock.run.claimed_at is 'start of its transforms, by the database clock';
comment on column penstock.run.transformed_at is 'time right before the COMMIT of its transforms; its exports follow';
comment on column penstock.run.execution_arn is 'the Step Functions execution of the run';
comment on column penstock.run.definition_hash is 'SHA-256 of the pipeline.toml that the run used, in hex';
comment on column penstock.run.after_run_id is 'the run of another pipeline that this run follows';

comment on table penstock.run_input is 'the loads of each run';
comment on column penstock.run_input.run_id is 'the run';
comment on column penstock.run_input.dataset is 'name of the dataset in pipeline.toml';
comment on column penstock.run_input.load_id is 'a load of the run';

comment on table penstock.run_export is 'the objects that a run wrote to the curated bucket';
comment on column penstock.run_export.run_id is 'the run';
comment on column penstock.run_export.bucket is 'the curated bucket';
comment on column penstock.run_export.key is 'S3 key of the object';
comment on column penstock.run_export.rows is 'rows in the object, without a header';
comment on column penstock.run_export.bytes is 'size of the object';
comment on column penstock.run_export.written_at is 'time of the export, by the database clock';

comment on table penstock.run_transform is 'the SQL files that a run executed; they commit together with their changes';
comment on column penstock.run_transform.run_id is 'the run';
comment on column penstock.run_transform.number is 'position in the order of execution, from 1';
comment on column penstock.run_transform.sql is 'name of the SQL file in the pipeline''s folder';
comment on column penstock.run_transform.statements is 'statements in the SQL file';
comment on column penstock.run_transform.rows is 'rows that all statements inserted, updated, deleted and merged';
comment on column penstock.run_transform.duration_ms is 'time of all statements, in milliseconds';

comment on table penstock.awaited is
    'data files that did not exist when their trigger arrived; penstock.missing shows those that are still missing';
comment on column penstock.awaited.pipeline is 'name of the pipeline''s folder';
comment on column penstock.awaited.dataset is 'name of the dataset in pipeline.toml';
comment on column penstock.awaited.bucket is 'S3 bucket of the data file';
comment on column penstock.awaited.key is 'S3 key of the data file';
comment on column penstock.awaited.trigger_key is 'S3 key of the trigger';
comment on column penstock.awaited.since is 'time of the first search for the data file, by the database clock';
comment on column penstock.awaited.execution_arn is 'the Step Functions execution that waits for the data file';

comment on view penstock.load_history is 'every version of a file that has a ledger row; order by load_id desc for the latest first';
comment on column penstock.load_history.started_late_by is
    'actual minus scheduled start of the process that wrote the data, from the trigger''s name';
comment on column penstock.load_history.duration is 'time from the claim to right before COMMIT';
comment on column penstock.load_history.run_id is 'the latest run with this load';
comment on column penstock.load_history.repairs is 'the load whose rejected records this file corrects';

comment on view penstock.run_history is 'every run with its input and output; order by run_id desc for the latest first';
comment on column penstock.run_history.datasets_needed is 'number of datasets that the run requires';
comment on column penstock.run_history.datasets_arrived is 'number of required datasets with a load in this run';
comment on column penstock.run_history.loads is 'number of loads of the run';
comment on column penstock.run_history.rows_loaded is 'loaded rows of all loads';
comment on column penstock.run_history.rows_rejected is 'rejected records of all loads';
comment on column penstock.run_history.exports is 'number of objects that the run wrote to the curated bucket';
comment on column penstock.run_history.duration is 'time from the claim to the end';

comment on view penstock.missing is 'expected data that has not arrived';
comment on column penstock.missing.expected_by is
    'period: other datasets of the run have arrived; trigger: the trigger has arrived';
comment on column penstock.missing.run_id is 'the run that requires the dataset';
comment on column penstock.missing.bucket is 'S3 bucket of the data file; null for a dataset of a run';
comment on column penstock.missing.key is 'S3 key of the data file; null for a dataset of a run';
comment on column penstock.missing.logical_at is 'start of the period of the missing data; null for a data file';
comment on column penstock.missing.since is 'time since when the data is expected';

comment on view penstock.rejects is 'every rejected record with its file';

-- The other columns of the views take the comments of the tables.
do $$
declare
    copied record;
begin
    for copied in
        select format('penstock.%I.%I', view.relname, view_column.attname) as "column",
               col_description(source.oid, source_column.attnum) as comment
        from (values (1, 'load_history', 'load'), (2, 'run_history', 'run'), (3, 'missing', 'awaited'),
                     (4, 'missing', 'run'), (5, 'rejects', 'reject'), (6, 'rejects', 'load'))
             as pair (number, view_name, table_name)
        join pg_class as view on view.oid = to_regclass('penstock.' || pair.view_name)
        join pg_class as source on source.oid = to_regclass('penstock.' || pair.table_name)
        join pg_attribute as view_column on view_column.attrelid = view.oid
        join pg_attribute as source_column
            on source_column.attrelid = source.oid and source_column.attname = view_column.attname
        where source_column.attnum > 0
          and (view.relname, view_column.attname) not in (
              ('load_history', 'run_id'), ('load_history', 'repairs'),
              ('run_history', 'datasets_needed'), ('missing', 'run_id'), ('missing', 'bucket'), ('missing', 'key'),
              ('missing', 'logical_at'), ('missing', 'since'))
        -- The last comment stays: that of the first table with the column.
        order by pair.number desc
    loop
        execute format('comment on column %s is %L', copied."column", copied.comment);
    end loop;
end
$$;
