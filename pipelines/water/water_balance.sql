-- Calculates the balance of the run's hour: the inflow by pumps, the gain of the reservoirs, and the difference, which
-- customers used or leaks lost. A measurement covers the 15 minutes before it.

-- Wait for a concurrent run that creates the same tables.
select pg_advisory_xact_lock(hashtext('analytics'));

-- `create schema if not exists` requires the privilege to create a schema even if the schema exists.
do $$
begin
    if to_regnamespace('analytics') is null then
        create schema analytics;
    end if;
end
$$;

create table if not exists analytics.water_balance (
    hour             timestamptz primary key,
    quarters         smallint not null,
    inflow_m3        numeric(12,2) not null,
    volume_change_m3 numeric(12,2) not null,
    unaccounted_m3   numeric(12,2) not null
);
comment on table analytics.water_balance is
    'inflow by pumps and gain of reservoirs for each hour, over the quarters of the hour that have both measurements';
comment on column analytics.water_balance.hour is 'start of the hour';
comment on column analytics.water_balance.quarters is
    'number of quarters, at most four, that count: those with a flow, a level, and a level 15 minutes earlier';
comment on column analytics.water_balance.inflow_m3 is 'volume moved by running pumps; a pump without a flow counts as zero';
comment on column analytics.water_balance.volume_change_m3 is
    'gain of the reservoirs that have a volume at both ends of the quarter; negative for a loss';
comment on column analytics.water_balance.unaccounted_m3 is 'inflow minus gain: used by customers, or lost';

-- The last level of an hour is the first of the next hour. So calculate the next hour again too, if it exists: the files
-- of the hours may come in any order.
delete from analytics.water_balance
using penstock.run
where run_id = :run_id and hour in (logical_at, logical_at + interval '1 hour');

insert into analytics.water_balance
with
span as (
    select logical_at as since, logical_at + interval '2 hours' as until from penstock.run where run_id = :run_id
),
inflow as (
    select measured_at, coalesce(sum(flow_m3_per_h) filter (where running), 0) / 4 as m3
    from span
    join staging.pump_flow on measured_at >= since and measured_at < until
    group by measured_at
),
gain as (
    select now.measured_at, sum(now.volume_m3 - before.volume_m3) as m3
    from span
    join staging.reservoir_levels as now on now.measured_at >= since and now.measured_at < until
    join staging.reservoir_levels as before
        on before.reservoir_id = now.reservoir_id and before.measured_at = now.measured_at - interval '15 minutes'
    where now.volume_m3 is not null and before.volume_m3 is not null
    group by now.measured_at
)
select
    date_bin('1 hour', measured_at, since) as hour, count(*), sum(inflow.m3), sum(gain.m3), sum(inflow.m3 - gain.m3)
from span
cross join inflow
join gain using (measured_at)
group by hour;
