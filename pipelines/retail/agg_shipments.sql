-- Counts late shipments, and old orders that are neither shipped nor delivered.

delete from analytics.agg_shipments where ingestion_date = :run_date;

insert into analytics.agg_shipments
select
    :run_date,
    count(*) filter (where shipment_date >= order_date + 6 and delivery_date is null),
    count(*) filter (where shipment_date is null and delivery_date is null and :run_date >= order_date + 15)
from staging.shipment_deliveries as shipment
join staging.orders using (order_id)
where shipment._load_id in (select load_id from penstock.run_input where run_id = :run_id)
    and orders._load_id in (select load_id from penstock.run_input where run_id = :run_id);
