-- The balance of this run's hour: what the pumps moved into the reservoirs, what the reservoirs gained, and the
-- difference, which has been drawn or lost. A measurement stands for the quarter of an hour that ends with it.

-- Of two runs that begin together, the second waits here until the first has created what both need.
select pg_advisory_xact_lock(hashtext('analytics'));

-- `create schema if not exists` asks for the right to create even when there is nothing to do.
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
    'an hour a row: what the pumps moved against what the reservoirs gained, over the quarters that both have measured';
comment on column analytics.water_balance.hour is 'start of the hour that the measurements are from';
comment on column analytics.water_balance.quarters is
    'how many of its four quarters count: those with a flow, a level, and a level a quarter of an hour before';
comment on column analytics.water_balance.inflow_m3 is 'moved by the pumps that were running; a pump without a flow counts as none';
comment on column analytics.water_balance.volume_change_m3 is
    'gained by the reservoirs that have a volume at both ends of the quarter; below zero when they lost';
comment on column analytics.water_balance.unaccounted_m3 is 'inflow less gain: drawn by customers, or lost';

-- The hour's last level is where the next hour begins: that one is balanced anew too when it is there already, so that
-- hours may come in any order.
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
