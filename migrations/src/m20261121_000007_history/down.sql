drop function engine.read_log, engine.read_record, engine.gap, engine.stamped, engine.holders;
revoke select on engine.outbox from fairlead_app;
drop index engine.outbox_tenant;
