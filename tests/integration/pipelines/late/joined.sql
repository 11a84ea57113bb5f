create table if not exists late.joined as
select first.id, :run_date as run_date from late.first join late.second using (id);
