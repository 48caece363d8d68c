drop function engine.records, engine.ended_sessions;
drop index engine.streams_ended_of_user;
