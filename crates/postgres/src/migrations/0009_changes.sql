-- Reloads and forgotten files. A reload has its own ledger row for the same version of the file.
alter table penstock.load
    add column reloads       bigint references penstock.load,
    add column first_load_id bigint references penstock.load,
    add column forgotten_at  timestamptz,
    add column forgotten_by  text;

comment on column penstock.load.reloads is
    'the load that this load replaced: the same version of the file, loaded again with the definition of that time';
comment on column penstock.load.first_load_id is
    'the first load of this version, if this load is a reload; null otherwise';
comment on column penstock.load.forgotten_at is
    'time when penstock forget deleted the rows and rejects of this load, by the database clock';
comment on column penstock.load.forgotten_by is 'who ran penstock forget';

drop index penstock.load_object;
create unique index load_object on penstock.load
    (pipeline, dataset, bucket, key, coalesce('version ' || version_id, 'etag ' || etag || '/' || sequencer),
     coalesce(reloads, 0));
-- A load is replaced by one reload only.
create unique index load_reloads on penstock.load (reloads) where reloads is not null;

create or replace view penstock.load_history as
    select load.load_id, load.pipeline, load.dataset,
           case when load.forgotten_at is not null then 'Forgotten'
                when load.replaced_by is not null then 'Replaced by ' || load.replaced_by
                else load.outcome end as outcome,
           load.bucket, load.key, load.version_id,
           load.table_name, load.bytes, load.rows_read, load.rows_loaded, load.rows_rejected,
           load.scheduled_at, load.actual_at, load.actual_at - load.scheduled_at as started_late_by,
           load.started_at, load.committed_at, load.committed_at - load.started_at as duration,
           (select max(input.run_id) from penstock.run_input as input where input.load_id = load.load_id) as run_id,
           load.execution_arn, load.repairs, load.logical_at, load.replaced_by,
           null::text as message, null::text as remedy,
           load.reloads, load.forgotten_at, load.forgotten_by
    from penstock.load
    union all
    select null, failure.pipeline, failure.dataset, failure.name, failure.bucket, failure.key, failure.version_id,
           null, null, null, null, null,
           null, null, null,
           failure.failed_at, null, null,
           null,
           failure.execution_arn, null, null, null, failure.message, failure.remedy,
           null, null, null
    from penstock.failure where kind = 'file';
comment on column penstock.load_history.outcome is 'Loaded; Replaced by N: load N replaced all rows of this load; Forgotten: penstock forget deleted them; AlreadyLoaded: same content as the load before it; Superseded: a newer version was loaded before; Ignored: on_new_version = "ignore"; or the name of the failure';
comment on column penstock.load_history.reloads is
    'the load that this load replaced: the same version of the file, loaded again with the definition of that time';
comment on column penstock.load_history.forgotten_at is 'time when penstock forget deleted the rows and rejects of the load';
comment on column penstock.load_history.forgotten_by is 'who ran penstock forget';
