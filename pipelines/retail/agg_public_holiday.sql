-- Counts the orders on public holidays by month.

delete from analytics.agg_public_holiday where ingestion_date = :run_date;

insert into analytics.agg_public_holiday
select
    :run_date,
    count(*) filter (where extract(month from order_date) = 1),
    count(*) filter (where extract(month from order_date) = 2),
    count(*) filter (where extract(month from order_date) = 3),
    count(*) filter (where extract(month from order_date) = 4),
    count(*) filter (where extract(month from order_date) = 5),
    count(*) filter (where extract(month from order_date) = 6),
    count(*) filter (where extract(month from order_date) = 7),
    count(*) filter (where extract(month from order_date) = 8),
    count(*) filter (where extract(month from order_date) = 9),
    count(*) filter (where extract(month from order_date) = 10),
    count(*) filter (where extract(month from order_date) = 11),
    count(*) filter (where extract(month from order_date) = 12)
from staging.orders
where _load_id in (select load_id from penstock.run_input where run_id = :run_id)
    and order_date >= :run_date - interval '1 year'
    and order_date < :run_date
    and order_date in (
        select calendar_dt from staging.dim_dates where day_of_the_week_num between 1 and 5 and not working_day
    );
