alter table penstock.load
    add column repairs    bigint references penstock.load,
    add column logical_at timestamptz,
    add column header     text;
create index load_that_repairs on penstock.load (repairs) where repairs is not null;

comment on column penstock.load.repairs is
    'the load whose refused records this file corrects; when a newer version of that load''s file takes its rows out, those of its repairs go with them';
comment on column penstock.load.logical_at is 'the time that the data is about; null for loads from before it was kept';
comment on column penstock.load.header is
    'the header of a CSV file as it came, kept where records were refused, to go before them when they are exported; empty where the dataset declares none';

create or replace view penstock.load_history as
    select load.load_id, load.pipeline, load.dataset, load.outcome, load.bucket, load.key, load.version_id,
           load.table_name, load.bytes, load.rows_read, load.rows_loaded, load.rows_rejected,
           load.scheduled_at, load.actual_at, load.actual_at - load.scheduled_at as started_late_by,
           load.started_at, load.committed_at, load.committed_at - load.started_at as duration,
           (select max(input.run_id) from penstock.run_input as input where input.load_id = load.load_id) as run_id,
           load.execution_arn, load.repairs, load.logical_at
    from penstock.load;
comment on column penstock.load_history.repairs is 'the load whose refused records this file corrects';
comment on column penstock.load_history.logical_at is 'the time that the data is about; null for loads from before it was kept';
