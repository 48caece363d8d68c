-- Everything that a tenant has, whatever it is, deleted or not, behind one of the streams.
create function engine.records(p_tenant uuid, p_after uuid, p_limit integer)
returns table (
  stream_id uuid, aggregate text, version bigint, state_version smallint, state jsonb,
  created_at timestamptz, updated_at timestamptz, incarnation integer, xid bigint, deleted boolean
)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query
    select s.stream_id, s.aggregate, s.version, s.state_version, s.state, s.created_at, s.updated_at, s.incarnation,
           s.xid::text::bigint, s.deleted_at is not null
      from engine.streams s
     where s.tenant_id = p_tenant and s.stream_id > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
     order by s.stream_id limit p_limit;
end $$;

-- Sessions of a person that have ended: what is not, the register knows.
create index streams_ended_of_user on engine.streams (tenant_id, user_id, stream_id)
  where aggregate = 'session' and deleted_at is not null;
create function engine.ended_sessions(p_tenant uuid, p_user text) returns setof uuid
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query
    select s.stream_id from engine.streams s
     where s.tenant_id = p_tenant and s.aggregate = 'session' and s.deleted_at is not null
       and s.user_id = p_user
     order by s.stream_id;
end $$;

revoke execute on function engine.records, engine.ended_sessions from public;
grant execute on function engine.records, engine.ended_sessions to fairlead_app;
