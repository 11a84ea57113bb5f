-- A warm function keeps the plans of its statements. One that was made while these tables were known to be small reads
-- them whole, for each file of a burst, until PostgreSQL analyzes them again. Of what it has not looked at yet it expects
-- more, and uses the indexes; so it looks when there is something to see.
alter table penstock.load set (autovacuum_analyze_threshold = 1000, autovacuum_vacuum_threshold = 1000);
alter table penstock.run set (autovacuum_analyze_threshold = 1000, autovacuum_vacuum_threshold = 1000);
alter table penstock.run_input set (autovacuum_analyze_threshold = 1000, autovacuum_vacuum_threshold = 1000);
