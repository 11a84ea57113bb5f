create table if not exists broken.alarms (run_id bigint not null);

insert into broken.alarms values (:run_id);
