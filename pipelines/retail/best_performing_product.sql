-- Finds the product with the best reviews, and figures of its orders and shipments.

delete from analytics.best_performing_product where ingestion_date = :run_date;

insert into analytics.best_performing_product
with
input as (
    select load_id from penstock.run_input where run_id = :run_id
),
best as (
    select
        product_id,
        sum(review) as points,
        round(100.0 * count(*) filter (where review = 1) / count(*), 2) as one_star,
        round(100.0 * count(*) filter (where review = 2) / count(*), 2) as two_star,
        round(100.0 * count(*) filter (where review = 3) / count(*), 2) as three_star,
        round(100.0 * count(*) filter (where review = 4) / count(*), 2) as four_star,
        round(100.0 * count(*) filter (where review = 5) / count(*), 2) as five_star
    from staging.reviews
    where _load_id in (select load_id from input)
    group by product_id
    order by points desc, product_id
    limit 1
),
ordered as (
    select order_id, order_date
    from staging.orders
    join best using (product_id)
    where _load_id in (select load_id from input)
),
busiest as (
    select order_date
    from ordered
    group by order_date
    order by count(*) desc, order_date
    limit 1
),
shipped as (
    select
        round(100.0 * count(*) filter (where shipment_date < order_date + 6) / nullif(count(*), 0), 2) as early,
        round(100.0 * count(*) filter (where shipment_date >= order_date + 6) / nullif(count(*), 0), 2) as late
    from staging.shipment_deliveries
    join ordered using (order_id)
    where _load_id in (select load_id from input) and shipment_date is not null
)
-- Insert a row for every day, also for a day without reviews.
select
    :run_date, product_id, product_name, order_date, day_of_the_week_num between 1 and 5 and not working_day, points,
    one_star, two_star, three_star, four_star, five_star, early, late
from shipped
left join best on true
left join staging.dim_products using (product_id)
left join busiest on true
left join staging.dim_dates on calendar_dt = order_date;
