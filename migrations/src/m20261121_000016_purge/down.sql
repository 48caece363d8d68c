drop function engine.purge, engine.purge_stamped, engine.finish_purge;
drop index engine.streams_organizations;
drop table engine.purged;
