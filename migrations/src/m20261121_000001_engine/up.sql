-- The engine: streams, their events, the global order over all events, and who has read how far.
--
-- Runs as fairlead_owner. fairlead_app serves requests under row-level security; fairlead_engine sequences, relays and
-- projects for all tenants.

create schema engine;
grant usage on schema engine to fairlead_app, fairlead_engine;

-- Puts a table with tenant_id under row-level security: requests see their own tenant, the engine sees all. What each
-- role may do is a matter of grants. The setting is read in a sub-select, so that it is evaluated once a statement;
-- nullif, because a setting that was once set locally reads as '' in later transactions of the session.
create procedure engine.protect(p_table regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', p_table);
  execute format('alter table %s force row level security', p_table);
  execute format(
    'create policy tenant on %s to fairlead_app
       using (tenant_id = nullif((select current_setting(''app.tenant_id'', true)), '''')::uuid)', p_table);
  execute format('create policy engine on %s to fairlead_engine using (true)', p_table);
end $$;

-- ------------------------------------------------------------------ what commands write ----

-- The present of every stream, one row each. Room is left on the pages for updates in place.
create table engine.streams (
  tenant_id     uuid        not null,
  stream_id     uuid        not null,
  aggregate     text        not null,
  version       bigint      not null,  -- of the last event
  state         jsonb       not null,  -- what the events fold to
  state_version smallint    not null,  -- the shape of state
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  deleted_at    timestamptz,
  incarnation   integer     not null,  -- with xid: the last write, for consistency tokens
  xid           xid8        not null,
  primary key (tenant_id, stream_id)
) with (fillfactor = 80);

-- What happened, never updated.
create table engine.events (
  tenant_id      uuid        not null,
  stream_id      uuid        not null,
  version        bigint      not null,  -- 1, 2, 3 … within the stream
  event_id       uuid        not null,
  type           text        not null,
  schema_version smallint    not null,
  data           jsonb       not null,
  metadata       jsonb       not null,
  occurred_at    timestamptz not null,
  -- The top-level transaction. Not the system column xmin, which is 32 bits wide and holds a subtransaction's id after
  -- a savepoint, and those no snapshot lists.
  xid            xid8        not null default pg_current_xact_id(),
  -- Orders the events of one tick. The cache must stay 1: otherwise each session draws from a block of its own, and a
  -- stream's second event can get a lower number than its first.
  seq            bigint      not null generated always as identity (cache 1),
  primary key (tenant_id, stream_id, version)
);
create index events_xid on engine.events (xid);

-- Values that one living stream at most may hold.
create table engine.reservations (
  tenant_id uuid not null,
  scope     text not null,
  key       text not null,
  stream_id uuid not null,
  primary key (tenant_id, scope, key)
);

-- What an Idempotency-Key was answered. A partition a week; old ones are dropped, see engine.rotate_command_results.
create table engine.command_results (
  tenant_id   uuid        not null,
  principal   text        not null,
  key         text        not null,
  fingerprint bytea       not null,  -- keyed hash of the request
  receipts    jsonb       not null,
  incarnation integer     not null,
  xid         xid8        not null default pg_current_xact_id(),
  created_at  timestamptz not null default now(),
  primary key (tenant_id, principal, key, created_at)
) partition by range (created_at);
create table engine.command_results_other partition of engine.command_results default;

call engine.protect('engine.streams');
call engine.protect('engine.events');
call engine.protect('engine.reservations');
call engine.protect('engine.command_results');
call engine.protect('engine.command_results_other');
grant select, insert, update on engine.streams to fairlead_app;
-- Not xid and seq, which place an event in the order.
grant select, insert (tenant_id, stream_id, version, event_id, type, schema_version, data, metadata, occurred_at)
  on engine.events to fairlead_app;
grant select, insert, delete on engine.reservations to fairlead_app;
grant select, insert on engine.command_results to fairlead_app;
grant select on engine.streams, engine.events to fairlead_engine;
-- Partitions are dropped; what went to the default one has to be deleted.
grant select, delete on engine.command_results_other to fairlead_engine;

-- ------------------------------------------------------------------ the global order ----

-- Streams are spread over 64 slots; partitions of readers are sets of slots. The last byte of a UUID of version 4 or 7
-- is random. The same formula stands in the application's consistency.rs.
create function engine.slot(p_tenant uuid, p_stream uuid) returns smallint
language sql immutable parallel safe as $$
  select ((get_byte(uuid_send(p_tenant), 15) # get_byte(uuid_send(p_stream), 15)) & 63)::smallint
$$;

-- Every committed event gets a dense position here. Narrow, only ever appended to, by the sequencer alone.
create table engine.outbox (
  position    bigint   not null primary key,
  tenant_id   uuid     not null,
  stream_id   uuid     not null,
  version     bigint   not null,
  incarnation integer  not null,
  slot        smallint not null
);
call engine.protect('engine.outbox');
grant select, insert on engine.outbox to fairlead_engine;

-- Where the sequencer is at home, one row. Its lock makes ticks follow one another.
create table engine.sequencer (
  singleton         boolean not null primary key default true check (singleton),
  system_identifier bigint  not null,  -- of the cluster whose transaction ids the events carry
  database_oid      oid     not null,
  incarnation       integer not null,  -- raised when the database begins a new life elsewhere
  floor             bigint  not null   -- events up to this seq are stamped; their xids may be another cluster's
);

-- What was stamped when: everything visible in `snapshot` has a position <= `position`. Only ever inserted, because
-- dead versions of an updated row would pile up while any old transaction is open.
create table engine.ticks (
  number      bigint      not null primary key,
  position    bigint      not null,
  incarnation integer     not null,
  snapshot    pg_snapshot not null,
  at          timestamptz not null default clock_timestamp()
);
create index ticks_position on engine.ticks (position, number);

create function engine.current_database_oid() returns oid language sql stable as $$
  select oid from pg_database where datname = current_database()
$$;

insert into engine.sequencer (system_identifier, database_oid, incarnation, floor)
select system_identifier, engine.current_database_oid(), 1, 0 from pg_control_system();
-- '1:1:' is a snapshot in which nothing is visible: the first tick stamps whatever is there.
insert into engine.ticks (number, position, incarnation, snapshot) values (0, 0, 1, '1:1:');

grant select on engine.sequencer, engine.ticks to fairlead_app;
grant select, update on engine.sequencer to fairlead_engine;
grant select, insert, delete on engine.ticks to fairlead_engine;
grant select, update on sequence engine.events_seq_seq to fairlead_engine;

-- ------------------------------------------------------------------ readers ----

-- A reader of the global order. The epoch rises with each new owner, so that an owner of old can't move it.
create table engine.subscriptions (
  name      text     not null,
  partition smallint not null,
  epoch     bigint   not null,
  primary key (name, partition)
);

-- How far a subscription has come: the row with the highest number. Only ever inserted, for the same reason as ticks.
create table engine.checkpoints (
  name      text        not null,
  partition smallint    not null,
  number    bigint      not null,
  position  bigint      not null,
  at        timestamptz not null default clock_timestamp(),
  primary key (name, partition, number)
);
grant select on engine.subscriptions, engine.checkpoints to fairlead_app;
grant select, insert, update on engine.subscriptions to fairlead_engine;
grant select, insert, delete on engine.checkpoints to fairlead_engine;
