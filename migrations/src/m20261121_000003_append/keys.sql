-- Keys under which personal data in events is sealed: a data key for each person, wrapped by a key of the tenant, wrapped
-- by a key of the installation, which is not in the database.

-- Rotations of the tenants' keys. A tenant's first key takes the number of the latest one.
create table engine.key_rounds (
  number      integer     not null primary key,
  begun_at    timestamptz not null default now(),
  finished_at timestamptz
);
insert into engine.key_rounds (number, finished_at) values (1, now());

-- The keys of tenants; the highest number is current, lower ones are there while a rotation is under way.
create table engine.tenant_keys (
  tenant_id        uuid        not null,
  number           integer     not null,
  wrapped          bytea       not null,
  installation_key text        not null,  -- the name of the key that wraps it
  created_at       timestamptz not null default now(),
  primary key (tenant_id, number)
);

-- The key of each person whose data is in events. Destroyed, its row stays, so that no other key can take its place.
create table engine.subject_keys (
  tenant_id    uuid    not null,
  subject_id   uuid    not null,
  wrapped      bytea,
  tenant_key   integer,  -- the number of the key that wraps it
  destroyed_at timestamptz,
  primary key (tenant_id, subject_id),
  check ((wrapped is null) = (destroyed_at is not null) and (wrapped is null) = (tenant_key is null))
);
create index subject_keys_tenant_key on engine.subject_keys (tenant_id, tenant_key);

call engine.protect('engine.tenant_keys');
call engine.protect('engine.subject_keys');
grant select on engine.key_rounds to fairlead_app;
grant select, insert, update on engine.key_rounds to fairlead_engine;
grant select, insert on engine.tenant_keys to fairlead_app;
grant select, insert, update, delete on engine.tenant_keys to fairlead_engine;
grant select, insert, update (wrapped, tenant_key, destroyed_at) on engine.subject_keys to fairlead_app;
grant select, update (wrapped, tenant_key) on engine.subject_keys to fairlead_engine;

-- A key of the tenant: the one with this number, or the current one.
create function engine.tenant_key(
  p_tenant uuid, p_number integer, out number integer, out wrapped bytea, out installation_key text
)
language plpgsql as $$
#variable_conflict use_column
begin
  perform engine.enter(p_tenant);
  select k.number, k.wrapped, k.installation_key into number, wrapped, installation_key
    from engine.tenant_keys k
   where k.tenant_id = p_tenant and (p_number is null or k.number = p_number)
   order by k.number desc limit 1;
end $$;

-- The number that a tenant's first key takes.
create function engine.key_round() returns integer language sql stable as $$
  select max(number) from engine.key_rounds
$$;

-- Gives a tenant its first key, unless it has one.
create function engine.make_tenant_key(p_tenant uuid, p_number integer, p_wrapped bytea, p_installation_key text)
returns void
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  perform pg_advisory_xact_lock(hashtextextended(p_tenant::text, 2));
  insert into engine.tenant_keys (tenant_id, number, wrapped, installation_key)
  select p_tenant, p_number, p_wrapped, p_installation_key
   where not exists (select from engine.tenant_keys k where k.tenant_id = p_tenant);
end $$;

-- The keys of some people, those of whom nothing is known left out. A key without `wrapped` is destroyed.
create function engine.subject_keys_of(p_tenant uuid, p_subjects uuid[])
returns table (subject_id uuid, wrapped bytea, tenant_key integer)
language plpgsql as $$
begin
  perform engine.enter(p_tenant);
  return query
    select k.subject_id, k.wrapped, k.tenant_key from engine.subject_keys k
     where k.tenant_id = p_tenant and k.subject_id = any (p_subjects);
end $$;
