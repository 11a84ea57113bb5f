-- Creates the tables for analysts. Each table has one row per day; a run replaces the row of its day.

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
    'orders on public holidays in the year before ingestion_date, by month; a public holiday is a day from Monday to Friday that is not a working day';
comment on column analytics.agg_public_holiday.ingestion_date is 'day of the run; the year ends the day before it';

create table if not exists analytics.agg_shipments (
    ingestion_date       date primary key,
    tt_late_shipments    bigint not null,
    tt_undelivered_items bigint not null
);
comment on table analytics.agg_shipments is 'late shipments as of ingestion_date; shipments without a known order do not count';
comment on column analytics.agg_shipments.ingestion_date is 'day of the run';
comment on column analytics.agg_shipments.tt_late_shipments is 'shipments that left 6 or more days after the order and are not delivered';
comment on column analytics.agg_shipments.tt_undelivered_items is
    'shipments that are neither shipped nor delivered 15 or more days after the order';

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
    'product with the most review points in the snapshot of the day; all columns are null without a review. Each percentage is rounded half up';
comment on column analytics.best_performing_product.ingestion_date is 'day of the run';
comment on column analytics.best_performing_product.product_id is 'lowest id of the products with the most points';
comment on column analytics.best_performing_product.product_name is 'null when the product is not in staging.dim_products';
comment on column analytics.best_performing_product.most_ordered_day is
    'day with the most orders of the product, regardless of quantity; the earliest of several; null without an order';
comment on column analytics.best_performing_product.is_public_holiday is
    'true if most_ordered_day is a public holiday; null when the day is not in staging.dim_dates';
comment on column analytics.best_performing_product.tt_review_points is 'sum of the stars of the product';
comment on column analytics.best_performing_product.pct_one_star is 'percentage of the reviews of the product';
comment on column analytics.best_performing_product.pct_two_star is 'percentage of the reviews of the product';
comment on column analytics.best_performing_product.pct_three_star is 'percentage of the reviews of the product';
comment on column analytics.best_performing_product.pct_four_star is 'percentage of the reviews of the product';
comment on column analytics.best_performing_product.pct_five_star is 'percentage of the reviews of the product';
comment on column analytics.best_performing_product.pct_early_shipments is
    'percentage of the shipments of the product that left within 5 days of the order; only shipments with a shipment date count; null without one';
comment on column analytics.best_performing_product.pct_late_shipments is
    'percentage of the same shipments that left 6 or more days after the order, delivered or not';
