alter table penstock.run
    add column attempt         integer,
    add column datasets        text[] not null default '{}',
    add column deadline_at     timestamptz,
    add column claimed_at      timestamptz,
    add column transformed_at  timestamptz,
    add column execution_arn   text,
    add column definition_hash text,
    add column failure_message text,
    add column after_run_id    bigint references penstock.run,
    add constraint run_state check (state in ('Waiting', 'Ready', 'Running', 'Succeeded', 'Failed', 'Skipped'));

-- A session that decides about a period locks the row of the first attempt. If each load is a run, `attempt` is null,
-- and nulls are distinct.
create unique index run_of_period on penstock.run (pipeline, logical_at, attempt);
create unique index run_after on penstock.run (pipeline, after_run_id);
create index run_under_way on penstock.run (state) where state in ('Waiting', 'Ready', 'Running');
create index run_of_load on penstock.run_input (load_id);

comment on table penstock.run is 'one run of a pipeline''s transforms and exports, over the loads of one period';
comment on column penstock.run.logical_at is 'start of the period that the run''s data is about; with per = "file" the data''s own time';
comment on column penstock.run.state is
    'Waiting for datasets; Ready: complete, not claimed yet; Running; Succeeded; Failed; Skipped: complete once more, and again = "skip"';
comment on column penstock.run.started_at is 'when its first load was about to commit, by the clock of the database';
comment on column penstock.run.ended_at is 'when it succeeded, failed or was skipped, by the clock of the database';
comment on column penstock.run.failure is 'the failure''s name, for a run that failed';
comment on column penstock.run.failure_message is 'what failed and what to do about it';
comment on column penstock.run.attempt is 'from 1 in each period; null where every load is a run of its own, or the run follows another';
comment on column penstock.run.datasets is 'the datasets that the run needs';
comment on column penstock.run.deadline_at is 'a run still Waiting then fails; null when there is no deadline';
comment on column penstock.run.claimed_at is 'when its transforms began, by the clock of the database';
comment on column penstock.run.transformed_at is 'when its transforms were committed; its exports follow';
comment on column penstock.run.execution_arn is 'the Step Functions execution that runs it';
comment on column penstock.run.definition_hash is 'SHA-256 of the pipeline.toml whose transforms ran, hex';
comment on column penstock.run.after_run_id is 'the run of another pipeline that this one follows';
comment on table penstock.run_input is 'which loads make which run';

create table penstock.run_export (
    run_id     bigint not null references penstock.run,
    bucket     text not null,
    key        text not null,
    rows       bigint not null,
    bytes      bigint not null,
    written_at timestamptz not null default clock_timestamp(),
    primary key (run_id, bucket, key)
);
comment on table penstock.run_export is 'what a run wrote to the curated bucket';
comment on column penstock.run_export.run_id is 'the run';
comment on column penstock.run_export.bucket is 'the curated bucket';
comment on column penstock.run_export.key is 'key of the object';
comment on column penstock.run_export.rows is 'rows in it, a header not counted';
comment on column penstock.run_export.bytes is 'its size';
comment on column penstock.run_export.written_at is 'by the clock of the database';

create table penstock.run_transform (
    run_id      bigint not null references penstock.run,
    number      integer not null,
    sql         text not null,
    statements  bigint not null,
    rows        bigint not null,
    duration_ms bigint not null,
    primary key (run_id, number)
);
comment on table penstock.run_transform is 'the SQL files that a run executed, committed together with what they did';
comment on column penstock.run_transform.run_id is 'the run';
comment on column penstock.run_transform.number is 'from 1, in the order of execution';
comment on column penstock.run_transform.sql is 'name of the file in the pipeline''s folder';
comment on column penstock.run_transform.statements is 'statements in it';
comment on column penstock.run_transform.rows is 'rows inserted, updated, deleted and merged, all statements together';
comment on column penstock.run_transform.duration_ms is 'how long they took';

create table penstock.awaited (
    pipeline      text not null,
    dataset       text not null,
    bucket        text not null,
    key           text not null,
    trigger_key   text not null,
    since         timestamptz not null default clock_timestamp(),
    execution_arn text not null,
    primary key (pipeline, dataset, bucket, key)
);
comment on table penstock.awaited is 'data files that were not there when their trigger came; penstock.missing tells which still are not';
comment on column penstock.awaited.pipeline is 'folder name of the pipeline';
comment on column penstock.awaited.dataset is 'name of the dataset in pipeline.toml';
comment on column penstock.awaited.bucket is 'S3 bucket of the data file';
comment on column penstock.awaited.key is 'S3 key of the data file';
comment on column penstock.awaited.trigger_key is 'S3 key of the trigger that announced it';
comment on column penstock.awaited.since is 'when it was first looked for in vain, by the clock of the database';
comment on column penstock.awaited.execution_arn is 'the Step Functions execution that looked';

create view penstock.load_history as
    select load.load_id, load.pipeline, load.dataset, load.outcome, load.bucket, load.key, load.version_id,
           load.table_name, load.bytes, load.rows_read, load.rows_loaded, load.rows_rejected,
           load.scheduled_at, load.actual_at, load.actual_at - load.scheduled_at as started_late_by,
           load.started_at, load.committed_at, load.committed_at - load.started_at as duration,
           (select max(input.run_id) from penstock.run_input as input where input.load_id = load.load_id) as run_id,
           load.execution_arn
    from penstock.load;
comment on view penstock.load_history is 'every object version that was dealt with: order by load_id desc for the latest first';
comment on column penstock.load_history.started_late_by is 'how much later than scheduled the process that wrote the data began, as its trigger says';
comment on column penstock.load_history.duration is 'from the claim to right before COMMIT';
comment on column penstock.load_history.run_id is 'the latest run that the load is part of';

create view penstock.run_history as
    select run.run_id, run.pipeline, run.logical_at, run.attempt, run.state, run.failure, run.failure_message,
           cardinality(run.datasets) as datasets_needed, input.datasets_arrived, input.loads,
           input.rows_loaded, input.rows_rejected, export.exports,
           run.started_at, run.deadline_at, run.claimed_at, run.ended_at,
           run.ended_at - run.claimed_at as duration, run.after_run_id, run.execution_arn
    from penstock.run
    cross join lateral (
        select count(distinct run_input.dataset) as datasets_arrived, count(*) as loads,
               coalesce(sum(load.rows_loaded), 0)::bigint as rows_loaded,
               coalesce(sum(load.rows_rejected), 0)::bigint as rows_rejected
        from penstock.run_input join penstock.load using (load_id) where run_input.run_id = run.run_id) as input
    cross join lateral (select count(*) as exports from penstock.run_export where run_export.run_id = run.run_id) as export;
comment on view penstock.run_history is 'every run with what came in and went out: order by run_id desc for the latest first';
comment on column penstock.run_history.datasets_needed is 'how many datasets the run needs';
comment on column penstock.run_history.loads is 'how many loads it is made of';
comment on column penstock.run_history.rows_loaded is 'rows of all of them';
comment on column penstock.run_history.rows_rejected is 'records of all of them that did not fit';
comment on column penstock.run_history.exports is 'how many objects it wrote to the curated bucket';
comment on column penstock.run_history.datasets_arrived is 'how many of the needed datasets have a load in this run';
comment on column penstock.run_history.duration is 'from the claim to the end';

create view penstock.missing as
    select 'period' as expected_by, run.pipeline, dataset.name as dataset, run.logical_at, run.run_id,
           null::text as bucket, null::text as key, null::text as trigger_key, run.started_at as since, run.deadline_at
    from penstock.run
    cross join lateral unnest(run.datasets) as dataset (name)
    where run.attempt is not null
      -- Show a failed run only if no later attempt exists. A later attempt waits for the same data.
      and (run.state = 'Waiting'
           or run.state = 'Failed' and run.failure = 'RunIncomplete' and not exists (
               select from penstock.run as later
               where later.pipeline = run.pipeline and later.logical_at = run.logical_at and later.attempt > run.attempt))
      and not exists (
          select from penstock.run_input as input join penstock.run as any_attempt using (run_id)
          where any_attempt.pipeline = run.pipeline and any_attempt.logical_at = run.logical_at
            and any_attempt.attempt is not null and input.dataset = dataset.name)
    union all
    select 'trigger', awaited.pipeline, awaited.dataset, null, null,
           awaited.bucket, awaited.key, awaited.trigger_key, awaited.since, null
    from penstock.awaited
    where not exists (
        select from penstock.load
        where load.pipeline = awaited.pipeline and load.dataset = awaited.dataset
          and load.bucket = awaited.bucket and load.key = awaited.key);
comment on view penstock.missing is 'what was expected and has not arrived';
comment on column penstock.missing.expected_by is
    'period: other datasets of its run have arrived; trigger: its trigger has arrived';
comment on column penstock.missing.run_id is 'the run that waits for the dataset, or waited until its deadline';
comment on column penstock.missing.bucket is 'S3 bucket of the data file; null for a dataset that a run waits for';
comment on column penstock.missing.key is 'S3 key of the data file; null for a dataset that a run waits for';
comment on column penstock.missing.logical_at is 'start of the period that the missing data is about; null for a data file';
comment on column penstock.missing.since is 'since when it is expected';

create view penstock.rejects as
    select reject.load_id, load.pipeline, load.dataset, load.bucket, load.key, load.version_id,
           reject.line, reject.byte_offset, reject."column", reject.reason, reject.raw, load.committed_at
    from penstock.reject join penstock.load using (load_id);
comment on view penstock.rejects is 'every refused record with the file that it came in';

-- The other columns of the views take the comments of the tables.
do $$
declare
    taken record;
begin
    for taken in
        select format('penstock.%I.%I', shown.relname, attribute.attname) as "column",
               col_description(origin.oid, original.attnum) as comment
        from (values ('load_history', 'load'), ('run_history', 'run'), ('missing', 'awaited'), ('missing', 'run'),
                     ('rejects', 'reject'), ('rejects', 'load')) as pair (view_name, table_name)
        join pg_class as shown on shown.oid = to_regclass('penstock.' || pair.view_name)
        join pg_class as origin on origin.oid = to_regclass('penstock.' || pair.table_name)
        join pg_attribute as attribute on attribute.attrelid = shown.oid
        join pg_attribute as original on original.attrelid = origin.oid and original.attname = attribute.attname
        where original.attnum > 0 and col_description(shown.oid, attribute.attnum) is null
    loop
        execute format('comment on column %s is %L', taken."column", taken.comment);
    end loop;
end
$$;
