-- Creates a role for the loader and a role for the transformer, each with only the rights that it needs. Run it as an
-- administrator in the target database, before the first load:
--
--     psql "$ADMIN_URL" --set ON_ERROR_STOP=1 --file infra/roles.sql
--     \password penstock_loader
--     \password penstock_transformer
--
-- Then put the URL with the role into the secret of the function. You can run it again at any time. Datasets use the
-- schema `staging`, transforms the schema `analytics`. For another schema, repeat the lines of these two.

do $$
declare
    role text;
begin
    foreach role in array array['penstock_loader', 'penstock_transformer'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I', role);
        end if;
        -- The role cannot log in before it has a password.
        execute format('alter role %I login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls', role);
        -- Upserts write their rows to a temporary table first.
        execute format('grant connect, temporary on database %I to %I', current_database(), role);
    end loop;
    -- PostgreSQL grants these rights to every role by default.
    execute format('revoke all on database %I from public', current_database());
    revoke create on schema public from public;
end
$$;

-- The loader owns the ledger and the tables of datasets.
create schema if not exists penstock authorization penstock_loader;
create schema if not exists staging authorization penstock_loader;

-- The transformer reads loaded tables, writes runs to the ledger, and owns the tables of transforms.
create schema if not exists analytics authorization penstock_transformer;
grant usage on schema penstock, staging to penstock_transformer;
grant select on all tables in schema staging to penstock_transformer;
grant select, insert, update on all tables in schema penstock to penstock_transformer;
alter default privileges for role penstock_loader in schema staging
    grant select on tables to penstock_transformer;
alter default privileges for role penstock_loader in schema penstock
    grant select, insert, update on tables to penstock_transformer;
