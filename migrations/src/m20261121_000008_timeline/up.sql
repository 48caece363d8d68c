-- What happened to a record, the newest first.
create table crm.timeline (
  tenant_id   uuid        not null,
  record_id   uuid        not null,  -- the contact
  event_id    uuid        not null,
  subject_id  uuid        not null,  -- whose personal data the row holds
  position    bigint      not null,
  version     bigint      not null,
  type        text        not null,
  occurred_at timestamptz not null,
  actor       text        not null,
  data        jsonb       not null,
  primary key (tenant_id, record_id, event_id)
);
create index timeline_position on crm.timeline (tenant_id, record_id, position);

call engine.protect('crm.timeline');
grant select on crm.timeline to fairlead_app;
grant select, insert, update, delete on crm.timeline to fairlead_engine;
