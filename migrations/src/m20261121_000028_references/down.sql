drop function engine.append_with_references, engine.referrers, engine.note_references;
drop table engine.record_references;
