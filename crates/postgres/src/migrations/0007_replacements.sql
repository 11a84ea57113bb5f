alter table penstock.load add column replaced_by bigint references penstock.load;
alter table penstock.reject
    add column last_line   bigint,
    add column byte_length bigint;

-- A load that replaces a table finds the other loads of the table here. An upsert finds the loads of later data.
create index load_in_table on penstock.load (table_name, logical_at) where outcome = 'Loaded' and replaced_by is null;

comment on column penstock.load.replaced_by is
    'the load that replaced all rows and rejects of this load; null if its rows are in the table, or if the load happened before version 7 of this schema';
comment on column penstock.load.rows_loaded is
    'records that became rows; with write = "upsert" this includes records that lost to another record of the same key';
comment on column penstock.reject.last_line is 'physical line where the record ends; null for rejects before version 7 of this schema';
comment on column penstock.reject.byte_length is
    'length of the whole record in the decompressed file, without its line end; null for Parquet, and for rejects before version 7 of this schema';
comment on column penstock.reject.raw is
    'the original record, cut at 8 KiB; byte_offset and byte_length locate the whole record; bytes that are invalid in text (NUL, invalid UTF-8) are written as \xNN';
comment on column penstock.reject.byte_offset is
    'position in the decompressed file, converted to UTF-8, where the record starts, from 0';

create or replace view penstock.load_history as
    select load.load_id, load.pipeline, load.dataset,
           case when load.replaced_by is null then load.outcome else 'Replaced by ' || load.replaced_by end as outcome,
           load.bucket, load.key, load.version_id,
           load.table_name, load.bytes, load.rows_read, load.rows_loaded, load.rows_rejected,
           load.scheduled_at, load.actual_at, load.actual_at - load.scheduled_at as started_late_by,
           load.started_at, load.committed_at, load.committed_at - load.started_at as duration,
           (select max(input.run_id) from penstock.run_input as input where input.load_id = load.load_id) as run_id,
           load.execution_arn, load.repairs, load.logical_at, load.replaced_by
    from penstock.load;
comment on column penstock.load_history.outcome is
    'Loaded; Replaced by N: load N replaced all rows of this load; AlreadyLoaded: same content as the load before it; Superseded: a newer version was loaded before; Ignored: on_new_version = "ignore"';
comment on column penstock.load_history.replaced_by is 'the load that replaced all rows and rejects of this load';
comment on column penstock.load_history.rows_loaded is
    'records that became rows; with write = "upsert" this includes records that lost to another record of the same key';

-- Loads that were replaced have no rows in the table. A reject that a load of the same run repairs is not counted.
create or replace view penstock.run_history as
    select run.run_id, run.pipeline, run.logical_at, run.attempt, run.state, run.failure, run.failure_message,
           cardinality(run.datasets) as datasets_needed, input.datasets_arrived, input.loads,
           input.rows_loaded, input.rows_rejected, export.exports,
           run.started_at, run.deadline_at, run.claimed_at, run.ended_at,
           run.ended_at - run.claimed_at as duration, run.after_run_id, run.execution_arn
    from penstock.run
    cross join lateral (
        select count(distinct run_input.dataset) as datasets_arrived, count(*) as loads,
               coalesce(sum(load.rows_loaded) filter (where load.replaced_by is null), 0)::bigint as rows_loaded,
               coalesce(sum(greatest(load.rows_rejected - coalesce(repaired.rows_read, 0), 0))
                        filter (where load.replaced_by is null), 0)::bigint as rows_rejected
        from penstock.run_input join penstock.load using (load_id)
        left join lateral (
            select sum(repair.rows_read) as rows_read
            from penstock.load as repair join penstock.run_input as of_run on of_run.load_id = repair.load_id
            where load.rows_rejected > 0 and repair.repairs = load.load_id and repair.outcome = 'Loaded'
              and repair.replaced_by is null and of_run.run_id = run.run_id) as repaired on true
        where run_input.run_id = run.run_id) as input
    cross join lateral (select count(*) as exports from penstock.run_export where run_export.run_id = run.run_id) as export;
comment on column penstock.run_history.loads is 'number of loads of the run, with loads that were replaced since';
comment on column penstock.run_history.rows_loaded is 'loaded rows of all loads that were not replaced since';
comment on column penstock.run_history.rows_rejected is
    'rejected records of all loads that were not replaced since, without those that a load of the run repairs';

create or replace view penstock.rejects as
    select reject.load_id, load.pipeline, load.dataset, load.bucket, load.key, load.version_id,
           reject.line, reject.byte_offset, reject."column", reject.reason, reject.raw, load.committed_at,
           coalesce(reject.last_line, reject.line) as last_line, reject.byte_length, load.replaced_by
    from penstock.reject join penstock.load using (load_id);
comment on column penstock.rejects.byte_offset is
    'position in the decompressed file, converted to UTF-8, where the record starts, from 0';
comment on column penstock.rejects.raw is
    'the original record, cut at 8 KiB; byte_offset and byte_length locate the whole record; bytes that are invalid in text (NUL, invalid UTF-8) are written as \xNN';
comment on column penstock.rejects.last_line is 'physical line where the record ends';
comment on column penstock.rejects.byte_length is
    'length of the whole record in the decompressed file, without its line end; null for Parquet, and for rejects before version 7 of this schema';
comment on column penstock.rejects.replaced_by is 'the load that replaced all rows and rejects of this load';
