-- Totals by customer, from the loads of this run only.
create table if not exists daily.totals (
    run_date date not null,
    customer text not null,
    amount   numeric(12, 2) not null,
    primary key (run_date, customer)
);

create temporary table loads on commit drop as
    select load_id from penstock.run_input where run_id = :run_id;

delete from daily.totals where run_date = :run_date;

insert into daily.totals
select :run_date, customer, sum(quantity * price)
from daily.orders
join daily.lines using (order_id)
join daily.prices using (product)
where orders._load_id in (table loads) and lines._load_id in (table loads) and prices._load_id in (table loads)
group by customer;
