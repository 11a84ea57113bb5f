create table if not exists pair.begun (run_date date not null, run_id bigint not null);

insert into pair.begun values (:run_date, :run_id);
