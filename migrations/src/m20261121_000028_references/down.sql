drop function engine.append_with_references, engine.referrers;
drop table engine.record_references;
