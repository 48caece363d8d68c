drop schema identity cascade;
drop index engine.streams_register, engine.streams_of_user, engine.streams_memberships;
alter table engine.streams drop column user_id;
drop function engine.append_with_secrets, engine.secrets_of, engine.register;
drop table engine.secrets;
