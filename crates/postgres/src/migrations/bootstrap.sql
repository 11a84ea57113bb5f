-- Only when missing: `create schema if not exists` asks for the right to create even when there is nothing to do.
do $$
begin
    if to_regnamespace('penstock') is null then
        create schema penstock;
        comment on schema penstock is 'what Penstock remembers: loads, rejects, runs';
    end if;
end
$$;

create table if not exists penstock.migration (
    version    integer primary key,
    applied_at timestamptz not null default clock_timestamp()
);
comment on table penstock.migration is 'which changes of this schema have been made';
comment on column penstock.migration.version is 'the number that the change''s file begins with';
comment on column penstock.migration.applied_at is 'by the clock of the database';
