-- What the analysts read: one row a day in each table. A run replaces the row of its day.

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

create table if not exists analytics.agg_public_holiday (
    ingestion_date   date primary key,
    tt_order_hol_jan bigint not null,
    tt_order_hol_feb bigint not null,
    tt_order_hol_mar bigint not null,
    tt_order_hol_apr bigint not null,
    tt_order_hol_may bigint not null,
    tt_order_hol_jun bigint not null,
    tt_order_hol_jul bigint not null,
    tt_order_hol_aug bigint not null,
    tt_order_hol_sep bigint not null,
    tt_order_hol_oct bigint not null,
    tt_order_hol_nov bigint not null,
    tt_order_hol_dec bigint not null
);
comment on table analytics.agg_public_holiday is
    'orders placed on a public holiday in the year before ingestion_date, by month: a holiday is a day from Monday to Friday that is not a working day';
comment on column analytics.agg_public_holiday.ingestion_date is 'the day of the run; it is not in its year, the same day a year earlier is';

create table if not exists analytics.agg_shipments (
    ingestion_date       date primary key,
    tt_late_shipments    bigint not null,
    tt_undelivered_items bigint not null
);
comment on table analytics.agg_shipments is 'what is late, as of ingestion_date; a shipment without a known order is not counted';
comment on column analytics.agg_shipments.ingestion_date is 'the day of the run';
comment on column analytics.agg_shipments.tt_late_shipments is 'shipped 6 or more days after the order, and not delivered';
comment on column analytics.agg_shipments.tt_undelivered_items is
    'neither shipped nor delivered, though the order is 15 or more days older than ingestion_date';

create table if not exists analytics.best_performing_product (
    ingestion_date      date primary key,
    product_id          integer,
    product_name        text,
    most_ordered_day    date,
    is_public_holiday   boolean,
    tt_review_points    bigint,
    pct_one_star        numeric(5,2),
    pct_two_star        numeric(5,2),
    pct_three_star      numeric(5,2),
    pct_four_star       numeric(5,2),
    pct_five_star       numeric(5,2),
    pct_early_shipments numeric(5,2),
    pct_late_shipments  numeric(5,2)
);
comment on table analytics.best_performing_product is
    'the product with the most review points of the day''s snapshot; a row of nulls when there is no review. Each percentage is rounded half up by itself';
comment on column analytics.best_performing_product.ingestion_date is 'the day of the run';
comment on column analytics.best_performing_product.product_id is 'of several with as many points, the lowest';
comment on column analytics.best_performing_product.product_name is 'null when staging.dim_products does not know the product';
comment on column analytics.best_performing_product.most_ordered_day is
    'the day with the most orders of the product, whatever their quantity; of several the earliest; null without an order';
comment on column analytics.best_performing_product.is_public_holiday is
    'whether most_ordered_day was one; null when staging.dim_dates does not have it';
comment on column analytics.best_performing_product.tt_review_points is 'sum of the product''s stars';
comment on column analytics.best_performing_product.pct_one_star is 'of the product''s reviews';
comment on column analytics.best_performing_product.pct_two_star is 'of the product''s reviews';
comment on column analytics.best_performing_product.pct_three_star is 'of the product''s reviews';
comment on column analytics.best_performing_product.pct_four_star is 'of the product''s reviews';
comment on column analytics.best_performing_product.pct_five_star is 'of the product''s reviews';
comment on column analytics.best_performing_product.pct_early_shipments is
    'shipped within 5 days of the order, of the product''s shipments that have a shipment date; null when none has';
comment on column analytics.best_performing_product.pct_late_shipments is
    'shipped 6 or more days after the order, delivered or not, of the same shipments';
