-- Who did what: an entry for each event, without what was personal in it. From where, and what was refused, no event tells:
-- that is noted beside, by the API.
create table identity.audit (
  tenant_id      uuid        not null,
  event_id       uuid        not null,
  subject_id     uuid        not null,  -- the record, named as in every read model of events
  position       bigint      not null,
  version        bigint      not null,
  occurred_at    timestamptz not null,
  actor          text        not null,
  action         text        not null,  -- the event's type
  resource_type  text        not null,  -- the aggregate
  correlation_id uuid,
  changes        text[]      not null,  -- the members of the event's data, by name alone
  primary key (tenant_id, event_id)
);
-- One for each filter, in the order of answers.
create index audit_time on identity.audit (tenant_id, occurred_at, event_id);
create index audit_actor on identity.audit (tenant_id, actor, occurred_at, event_id);
create index audit_action on identity.audit (tenant_id, action, occurred_at, event_id);
create index audit_type on identity.audit (tenant_id, resource_type, occurred_at, event_id);
create index audit_record on identity.audit (tenant_id, subject_id, occurred_at, event_id);
create index audit_age on identity.audit (occurred_at);

call engine.protect('identity.audit');
grant select on identity.audit to fairlead_app;
grant select, insert, update, delete on identity.audit to fairlead_engine;

-- From where somebody asked, each place once. All that is personal about asking, so that erasing somebody deletes a few rows.
create table identity.origins (
  tenant_id  uuid        not null,
  id         bigint      not null generated always as identity,
  actor      text        not null,
  address    inet,
  user_agent text        not null,  -- empty where none was told
  seen_at    timestamptz not null,  -- to the day
  primary key (tenant_id, id),
  constraint origins_place unique nulls not distinct (tenant_id, actor, user_agent, address)
);
create index origins_actor on identity.origins (actor);
create index origins_age on identity.origins (seen_at);

call engine.protect('identity.origins');
grant select, insert, update (seen_at) on identity.origins to fairlead_app;
grant select, delete on identity.origins to fairlead_engine;

-- Requests that commanded something, and what no event tells of: access that was refused, and signing in.
create table identity.access_log (
  tenant_id      uuid        not null,
  id             uuid        not null,
  occurred_at    timestamptz not null,  -- when it was answered
  correlation_id uuid,
  actor          text        not null,
  action         text,                  -- null for a command, of which events tell
  resource_type  text,
  resource_id    uuid,
  permission     text,
  code           text,                  -- why it was refused; null where it was not
  origin_id      bigint,
  primary key (tenant_id, id)
);
create index access_log_request on identity.access_log (tenant_id, correlation_id, occurred_at);
create index access_log_age on identity.access_log (occurred_at);
create index access_log_time on identity.access_log (tenant_id, occurred_at, id) where action is not null;
create index access_log_actor on identity.access_log (tenant_id, actor, occurred_at, id) where action is not null;
create index access_log_action on identity.access_log (tenant_id, action, occurred_at, id) where action is not null;
create index access_log_type on identity.access_log (tenant_id, resource_type, occurred_at, id) where action is not null;
create index access_log_record on identity.access_log (tenant_id, resource_id, occurred_at, id) where action is not null;

call engine.protect('identity.access_log');
grant select, insert on identity.access_log to fairlead_app;
grant select, delete on identity.access_log to fairlead_engine;

-- Which of some actors are people who were erased. Requests are told of nobody else in the directory.
create function identity.erased_actors(p_actors text[]) returns setof text
language sql stable security definer set search_path = '' as $$
  select a.actor
    from (select distinct u.actor from unnest(p_actors) as u (actor)
           where u.actor ~ '^user:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') a
    join engine.subject_keys k on k.tenant_id = '00000000-0000-7000-8000-000000000000'
                              and k.subject_id = substr(a.actor, 6)::uuid
   where k.destroyed_at is not null
$$;

-- In which organizations a user is a member now. Tells ids only.
create function identity.workplaces_of(p_user uuid) returns setof uuid
language sql stable security definer set search_path = '' as $$
  select s.tenant_id from engine.streams s
   where s.stream_id = p_user and s.aggregate = 'membership' and s.deleted_at is null and s.state ->> 'status' = 'active'
   order by s.tenant_id
$$;

-- Notes requests of a tenant. Of those who were erased meanwhile it is not noted from where.
create function identity.note_access(
  p_tenant uuid, p_ids uuid[], p_at timestamptz[], p_correlations uuid[], p_actors text[], p_actions text[],
  p_types text[], p_records uuid[], p_permissions text[], p_codes text[], p_addresses inet[], p_user_agents text[]
)
returns void language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  -- Who forgets a person locks the table, and so waits for what is noted after a look from before the erasure.
  lock table identity.origins in row exclusive mode;
  -- In one order, so that two who note at once don't wait for one another.
  insert into identity.origins as known (tenant_id, actor, address, user_agent, seen_at)
  select p_tenant, n.actor, n.address, n.user_agent, max(n.at)
    from unnest(p_actors, p_addresses, p_user_agents, p_at) as n (actor, address, user_agent, at)
   where (n.address is not null or n.user_agent <> '')
     and n.actor not in (select identity.erased_actors(p_actors))
   group by n.actor, n.address, n.user_agent order by n.actor, n.user_agent, n.address
  on conflict on constraint origins_place do update set seen_at = excluded.seen_at
    where known.seen_at < excluded.seen_at - interval '1 day';
  insert into identity.access_log (tenant_id, id, occurred_at, correlation_id, actor, action, resource_type, resource_id,
                                   permission, code, origin_id)
  select p_tenant, n.id, n.at, n.correlation_id, n.actor, n.action, n.resource_type, n.resource_id, n.permission, n.code,
         o.id
    from unnest(p_ids, p_at, p_correlations, p_actors, p_actions, p_types, p_records, p_permissions, p_codes,
                p_addresses, p_user_agents)
           as n (id, at, correlation_id, actor, action, resource_type, resource_id, permission, code, address, user_agent)
    left join identity.origins o on o.tenant_id = p_tenant and o.actor = n.actor and o.user_agent = n.user_agent
                                and o.address is not distinct from n.address
  on conflict (tenant_id, id) do nothing;
end $$;

-- Entries in this stretch of time, the newest first, behind one of them. What is null is not asked. Of an event it is told from
-- where the request came that brought it about: of the same caller and correlation, the first that was answered after it.
create function identity.read_audit(
  p_tenant uuid, p_since timestamptz, p_until timestamptz, p_actor text, p_action text, p_type text, p_record uuid,
  p_refused boolean, p_behind_at timestamptz, p_behind uuid, p_limit integer
)
returns table (
  id uuid, occurred_at timestamptz, actor text, action text, resource_type text, resource_id uuid, version bigint,
  correlation_id uuid, changes text[], permission text, code text, address inet, user_agent text
)
language plpgsql as $$
declare
  -- Told apart here, so that each question has a plan of its own.
  v_chosen text := concat_ws(' and ', 'e.tenant_id = $1 and e.occurred_at >= $2',
    case when p_until is not null then 'e.occurred_at < $3' end,
    case when p_actor is not null then 'e.actor = $4' end,
    case when p_action is not null then 'e.action = $5' end,
    case when p_type is not null then 'e.resource_type = $6' end,
    case when p_record is not null then 'e.%2$I = $7' end,
    case when p_behind is not null then '(e.occurred_at, e.%1$I) < ($8, $9)' end);
begin
  perform engine.enter(p_tenant);
  return query execute format(
    'select e.id, e.occurred_at, e.actor, e.action, e.resource_type, e.resource_id, e.version, e.correlation_id, e.changes,
            coalesce(e.permission, r.permission), e.code, o.address, nullif(o.user_agent, '''')
       from ((select e.event_id as id, e.occurred_at, e.actor, e.action, e.resource_type, e.subject_id as resource_id,
                     e.version, e.correlation_id, e.changes, null::text as permission, null::text as code,
                     null::bigint as origin_id
                from identity.audit e where %s and %s order by e.occurred_at desc, e.event_id desc limit $10)
             union all
             (select e.id, e.occurred_at, e.actor, e.action, e.resource_type, e.resource_id, null, e.correlation_id, ''{}'',
                     e.permission, e.code, e.origin_id
                from identity.access_log e where e.action is not null and %s and %s
               order by e.occurred_at desc, e.id desc limit $10)
             order by 2 desc, 1 desc limit $10) e
       left join lateral (select a.permission, a.origin_id from identity.access_log a
                           where e.version is not null and a.tenant_id = $1 and a.correlation_id = e.correlation_id
                             and a.actor = e.actor and a.occurred_at >= e.occurred_at
                           order by a.occurred_at limit 1) r on true
       left join identity.origins o on o.tenant_id = $1 and o.id = coalesce(e.origin_id, r.origin_id)
      order by e.occurred_at desc, e.id desc',
    format(v_chosen, 'event_id', 'subject_id'), case when p_refused then 'false' else 'true' end,
    format(v_chosen, 'id', 'resource_id'),
    case when p_refused then 'e.code is not null' when not p_refused then 'e.code is null' else 'true' end)
    using p_tenant, p_since, p_until, p_actor, p_action, p_type, p_record, p_behind_at, p_behind, p_limit;
end $$;

-- Forgets from where a person asked, in every organization. For the engine, once the person is erased.
create function identity.forget_origins(p_tenant uuid, p_person uuid) returns void language plpgsql as $$
begin
  if p_tenant = '00000000-0000-7000-8000-000000000000' then
    lock table identity.origins in share row exclusive mode;
    delete from identity.origins where actor = 'user:' || p_person;
  end if;
end $$;

-- Since when entries are kept: what happened before may be missing.
create table identity.audit_horizon (
  since timestamptz not null
);
create unique index audit_horizon_one on identity.audit_horizon ((true));
insert into identity.audit_horizon values ('-infinity');
grant select, update on identity.audit_horizon to fairlead_engine;

-- Deletes the oldest entries, at most so many of each kind, of those older than p_keep; whether there may be more.
create function identity.drop_old_audit(p_keep interval, p_limit integer) returns boolean language plpgsql as $$
declare
  v_since timestamptz := now() - p_keep;
  v_count bigint;
  v_most  bigint := 0;
begin
  update identity.audit_horizon set since = v_since where since < v_since;
  with old as (select a.tenant_id, a.event_id from identity.audit a
                where a.occurred_at < v_since order by a.occurred_at limit p_limit)
  delete from identity.audit a using old where a.tenant_id = old.tenant_id and a.event_id = old.event_id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);
  with old as (select a.tenant_id, a.id from identity.access_log a
                where a.occurred_at < v_since order by a.occurred_at limit p_limit)
  delete from identity.access_log a using old where a.tenant_id = old.tenant_id and a.id = old.id;
  get diagnostics v_count = row_count;
  v_most := greatest(v_most, v_count);
  -- A day more, since that is how exactly it is known when somebody was seen there last.
  with old as (select o.tenant_id, o.id from identity.origins o
                where o.seen_at < v_since - interval '1 day' order by o.seen_at limit p_limit)
  delete from identity.origins o using old where o.tenant_id = old.tenant_id and o.id = old.id;
  get diagnostics v_count = row_count;
  return greatest(v_most, v_count) >= p_limit;
end $$;

revoke execute on function identity.note_access, identity.erased_actors, identity.workplaces_of, identity.read_audit,
  identity.forget_origins, identity.drop_old_audit from public;
grant execute on function identity.note_access, identity.erased_actors, identity.workplaces_of, identity.read_audit
  to fairlead_app;
grant execute on function identity.forget_origins, identity.drop_old_audit to fairlead_engine;
-- Whoever is to own a function must be able to make one there.
grant create on schema identity to fairlead_engine;
alter function identity.erased_actors owner to fairlead_engine;
alter function identity.workplaces_of owner to fairlead_engine;
revoke create on schema identity from fairlead_engine;
