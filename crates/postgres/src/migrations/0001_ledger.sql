create table penstock.load (
    load_id         bigint generated always as identity primary key,
    pipeline        text not null,
    dataset         text not null,
    bucket          text not null,
    key             text not null,
    version_id      text,
    etag            text,
    sequencer       text,
    definition_hash text not null,
    scheduled_at    timestamptz,
    actual_at       timestamptz,
    table_name      text not null,
    bytes           bigint not null,
    rows_read       bigint not null default 0,
    rows_loaded     bigint not null default 0,
    rows_rejected   bigint not null default 0,
    outcome         text not null check (outcome in ('Loaded', 'AlreadyLoaded', 'Superseded', 'Ignored')),
    execution_arn   text,
    started_at      timestamptz not null default clock_timestamp(),
    committed_at    timestamptz,
    constraint every_row_is_accounted_for check (rows_read = rows_loaded + rows_rejected)
);

-- One row for each object version and dataset. Without version and sequencer the expression is null, and nulls are
-- distinct. The loader then compares the content with the latest load of the key.
create unique index load_object on penstock.load
    (pipeline, dataset, bucket, key, coalesce('version ' || version_id, 'etag ' || etag || '/' || sequencer));
create index load_of_key on penstock.load (pipeline, dataset, bucket, key, load_id);

comment on table penstock.load is
    'the ledger: one row per object version and dataset, committed together with the rows that it counts';
comment on column penstock.load.load_id is 'rows of this load carry it as _load_id';
comment on column penstock.load.pipeline is 'folder name of the pipeline';
comment on column penstock.load.dataset is 'name of the dataset in pipeline.toml';
comment on column penstock.load.bucket is 'S3 bucket of the object';
comment on column penstock.load.key is 'S3 key of the object, decoded';
comment on column penstock.load.version_id is 'S3 version of the object; null in a bucket without versioning';
comment on column penstock.load.etag is 'S3 etag of the object, without quotes';
comment on column penstock.load.sequencer is
    'from the event: the order of writes to one key, as hex of varying length; null when no event told it';
comment on column penstock.load.definition_hash is 'SHA-256 of the pipeline.toml that was followed, hex';
comment on column penstock.load.scheduled_at is 'from the trigger''s name: when its process should have started';
comment on column penstock.load.actual_at is 'from the trigger''s name: when its process did start';
comment on column penstock.load.table_name is 'the table that the rows went to';
comment on column penstock.load.bytes is 'size of the object as S3 keeps it';
comment on column penstock.load.rows_read is 'records in the object, the header not counted';
comment on column penstock.load.rows_loaded is 'records that became rows';
comment on column penstock.load.rows_rejected is 'records that did not fit; each is a row of penstock.reject';
comment on column penstock.load.outcome is
    'Loaded; AlreadyLoaded: same content as the load before it; Superseded: older than what was loaded; Ignored: on_new_version = "ignore"';
comment on column penstock.load.execution_arn is 'the Step Functions execution that loaded it';
comment on column penstock.load.started_at is 'when the claim was taken, by the clock of the database';
comment on column penstock.load.committed_at is 'right before COMMIT, by the clock of the database';

create table penstock.reject (
    load_id     bigint not null references penstock.load,
    line        bigint not null,
    byte_offset bigint not null,
    "column"    text,
    reason      text not null,
    raw         text not null
);
create index reject_of_load on penstock.reject (load_id);

comment on table penstock.reject is 'one row per record that did not fit its dataset''s columns';
comment on column penstock.reject.load_id is 'the load that refused it';
comment on column penstock.reject.line is 'physical line where the record starts, from 1, the header included';
comment on column penstock.reject.byte_offset is 'where the record starts in the decompressed object, from 0';
comment on column penstock.reject."column" is 'the column that refused its value; null when the whole record is at fault';
comment on column penstock.reject.reason is 'why';
comment on column penstock.reject.raw is
    'the record as it came, cut at 8 KiB; bytes that text cannot hold (NUL, invalid UTF-8) are written \xNN';

create table penstock.run (
    run_id     bigint generated always as identity primary key,
    pipeline   text not null,
    logical_at timestamptz not null,
    state      text not null,
    started_at timestamptz not null default clock_timestamp(),
    ended_at   timestamptz,
    failure    text
);

comment on table penstock.run is 'one run of a pipeline''s transforms; not written to yet';
comment on column penstock.run.run_id is 'transforms see it as :run_id';
comment on column penstock.run.pipeline is 'folder name of the pipeline';
comment on column penstock.run.logical_at is 'the time that the run''s data is about';
comment on column penstock.run.state is 'how far the run is';
comment on column penstock.run.started_at is 'by the clock of the database';
comment on column penstock.run.ended_at is 'by the clock of the database';
comment on column penstock.run.failure is 'the failure''s name, for a run that failed';

create table penstock.run_input (
    run_id  bigint not null references penstock.run,
    dataset text not null,
    load_id bigint not null references penstock.load,
    primary key (run_id, dataset, load_id)
);

comment on table penstock.run_input is 'which loads make which run; not written to yet';
comment on column penstock.run_input.run_id is 'the run';
comment on column penstock.run_input.dataset is 'name of the dataset in pipeline.toml';
comment on column penstock.run_input.load_id is 'a load that the run is made of';
