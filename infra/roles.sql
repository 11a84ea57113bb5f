-- Two roles in place of an administrator's: each may do what its function does, and nothing else. Run it as an
-- administrator in the database that Penstock loads into, before the first load:
--
--     psql "$ADMIN_URL" --set ON_ERROR_STOP=1 --file infra/roles.sql
--     \password penstock_loader
--     \password penstock_transformer
--
-- and put the URL with the role into the function's secret. It can be run again at any time. Tables go to the schema
-- `staging` and what transforms build to `analytics`: for another schema, repeat the lines of these two.

do $$
declare
    role text;
begin
    foreach role in array array['penstock_loader', 'penstock_transformer'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I', role);
        end if;
        -- Without a password nobody can log in yet.
        execute format('alter role %I login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls', role);
        -- Upserts stage their rows in a table of the session's own.
        execute format('grant connect, temporary on database %I to %I', current_database(), role);
    end loop;
    -- What PostgreSQL gives to everybody by itself.
    execute format('revoke all on database %I from public', current_database());
    revoke create on schema public from public;
end
$$;

-- The loader makes its tables, and keeps the ledger; both are its own.
create schema if not exists penstock authorization penstock_loader;
create schema if not exists staging authorization penstock_loader;

-- The transformer reads what was loaded, and writes its runs beside the loads; the tables that it builds are its own.
create schema if not exists analytics authorization penstock_transformer;
grant usage on schema penstock, staging to penstock_transformer;
grant select on all tables in schema staging to penstock_transformer;
grant select, insert, update on all tables in schema penstock to penstock_transformer;
alter default privileges for role penstock_loader in schema staging
    grant select on tables to penstock_transformer;
alter default privileges for role penstock_loader in schema penstock
    grant select, insert, update on tables to penstock_transformer;
