-- A warm function keeps the plans of its statements. A plan made while statistics say "small table" scans the whole
-- table, for each file of a burst, until the next ANALYZE. Without statistics PostgreSQL expects more rows and uses the
-- indexes. So the first ANALYZE waits until the tables have 1000 rows.
alter table penstock.load set (autovacuum_analyze_threshold = 1000, autovacuum_vacuum_threshold = 1000);
alter table penstock.run set (autovacuum_analyze_threshold = 1000, autovacuum_vacuum_threshold = 1000);
alter table penstock.run_input set (autovacuum_analyze_threshold = 1000, autovacuum_vacuum_threshold = 1000);
