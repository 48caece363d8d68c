drop function engine.rotate_inbox, engine.drop_inbox_partition, engine.make_inbox_partition;
drop table engine.inbox, engine.inbox_held;
drop function engine.inbox_bound;
