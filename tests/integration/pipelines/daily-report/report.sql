create table if not exists daily.report (run_date date not null, run_id bigint not null, customers bigint not null);

insert into daily.report
select :run_date, :run_id, count(*) from daily.totals where run_date = :run_date;
