create table penstock.failure (
    failure_id    bigint generated always as identity primary key,
    kind          text not null check (kind in ('file', 'run')),
    pipeline      text,
    dataset       text,
    bucket        text,
    key           text,
    version_id    text,
    run_id        bigint,
    name          text not null,
    message       text not null,
    remedy        text not null,
    execution_arn text not null,
    failed_at     timestamptz not null default clock_timestamp()
);

-- A retry records once. One execution can fail several runs: those of a sweep, and those that follow one run.
create unique index failure_of_file on penstock.failure (execution_arn) where kind = 'file';
create unique index failure_of_run on penstock.failure (execution_arn, coalesce(run_id::text, pipeline, ''))
    where kind = 'run';
create index failure_of_key on penstock.failure (bucket, key);

comment on table penstock.failure is 'every file and run that has failed; rows are kept for ever';
comment on column penstock.failure.failure_id is 'number of the failure';
comment on column penstock.failure.kind is 'file: it was not loaded; run: its transforms or exports were not completed';
comment on column penstock.failure.pipeline is 'folder name of the pipeline; null for a file that no dataset matches';
comment on column penstock.failure.dataset is 'name of the dataset in pipeline.toml; null for a run';
comment on column penstock.failure.bucket is 'S3 bucket of the file; null for a run and for an unrecognized event';
comment on column penstock.failure.key is 'S3 key of the file; null for a run and for an unrecognized event';
comment on column penstock.failure.version_id is 'S3 version of the file; null in a bucket without versioning';
comment on column penstock.failure.run_id is 'the failed run; null for a file, and for a run that could not be opened';
comment on column penstock.failure.name is 'name of the failure, as docs/operate/failures.md lists it';
comment on column penstock.failure.message is 'what happened and where';
comment on column penstock.failure.remedy is 'what to do about it';
comment on column penstock.failure.execution_arn is 'the Step Functions execution that failed';
comment on column penstock.failure.failed_at is 'time of the record, by the database clock';

-- Runs that failed before this table existed.
insert into penstock.failure (kind, pipeline, run_id, name, message, remedy, execution_arn, failed_at)
    select 'run', pipeline, run_id, coalesce(failure, 'InternalError'),
           split_part(coalesce(failure_message, ''), E'\nWhat to do: ', 1),
           split_part(coalesce(failure_message, ''), E'\nWhat to do: ', 2),
           coalesce(execution_arn, ''), coalesce(ended_at, clock_timestamp())
    from penstock.run where state = 'Failed' order by run_id
    on conflict do nothing;

create or replace view penstock.load_history as
    select load.load_id, load.pipeline, load.dataset,
           case when load.replaced_by is null then load.outcome else 'Replaced by ' || load.replaced_by end as outcome,
           load.bucket, load.key, load.version_id,
           load.table_name, load.bytes, load.rows_read, load.rows_loaded, load.rows_rejected,
           load.scheduled_at, load.actual_at, load.actual_at - load.scheduled_at as started_late_by,
           load.started_at, load.committed_at, load.committed_at - load.started_at as duration,
           (select max(input.run_id) from penstock.run_input as input where input.load_id = load.load_id) as run_id,
           load.execution_arn, load.repairs, load.logical_at, load.replaced_by,
           null::text as message, null::text as remedy
    from penstock.load
    union all
    select null, failure.pipeline, failure.dataset, failure.name, failure.bucket, failure.key, failure.version_id,
           null, null, null, null, null,
           null, null, null,
           failure.failed_at, null, null,
           null,
           failure.execution_arn, null, null, null, failure.message, failure.remedy
    from penstock.failure where kind = 'file';
comment on view penstock.load_history is
    'every version of a file that has a ledger row, and every failed file; order by started_at desc for the latest first';
comment on column penstock.load_history.load_id is 'number of the load; null for a failed file';
comment on column penstock.load_history.outcome is 'Loaded; Replaced by N: load N replaced all rows of this load; AlreadyLoaded: same content as the load before it; Superseded: a newer version was loaded before; Ignored: on_new_version = "ignore"; or the name of the failure';
comment on column penstock.load_history.started_at is
    'when the loader claimed the file, by the database clock; for a failed file, time of the failure';
comment on column penstock.load_history.message is 'why the file was not loaded; null for a load';
comment on column penstock.load_history.remedy is 'what to do about the failure; null for a load';
