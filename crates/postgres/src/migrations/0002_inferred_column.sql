create table penstock.inferred_column (
    table_name  text not null,
    "column"    text not null,
    header      text not null,
    inferred_at timestamptz not null default clock_timestamp(),
    primary key (table_name, "column")
);

comment on table penstock.inferred_column is
    'columns that no definition declares and a file brought: what files call them; their types are the table''s';
comment on column penstock.inferred_column.table_name is 'the table that has the column';
comment on column penstock.inferred_column."column" is 'the column''s name in the table';
comment on column penstock.inferred_column.header is 'its name in the files';
comment on column penstock.inferred_column.inferred_at is 'by the clock of the database';

comment on column penstock.load.rows_loaded is
    'records that became rows; with write = "upsert" also those that a later record of the same key replaced';
