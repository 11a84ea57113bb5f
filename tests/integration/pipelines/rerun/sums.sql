create table if not exists rerun.sums (run_id bigint, total bigint);
insert into rerun.sums select :run_id, sum(no_such_column) from rerun.items;
