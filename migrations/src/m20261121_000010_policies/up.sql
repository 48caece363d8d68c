-- Commands of policies that were refused. Their events count as handled.
create table engine.refusals (
  tenant_id  uuid        not null,
  event_id   uuid        not null,
  policy     text        not null,
  stream_id  uuid        not null,  -- the event's
  version    bigint      not null,
  code       text        not null,
  refused_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, event_id, policy)
);
create index refusals_refused_at on engine.refusals (refused_at);

call engine.protect('engine.refusals');
grant select, insert, delete on engine.refusals to fairlead_engine;
