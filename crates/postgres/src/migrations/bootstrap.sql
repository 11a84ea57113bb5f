-- `create schema if not exists` requires the right to create even if the schema exists. So check first.
do $$
begin
    if to_regnamespace('penstock') is null then
        create schema penstock;
        comment on schema penstock is 'the state of Penstock: loads, rejects and runs';
    end if;
end
$$;

create table if not exists penstock.migration (
    version    integer primary key,
    applied_at timestamptz not null default clock_timestamp()
);
comment on table penstock.migration is 'the migrations of this schema that have run';
comment on column penstock.migration.version is 'number at the start of the migration''s file name';
comment on column penstock.migration.applied_at is 'time of the migration, by the database clock';
