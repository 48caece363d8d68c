-- The read model behind the comments of an activity.

create table crm.comments (
  tenant_id   uuid        not null,
  id          uuid        not null,
  subject_id  uuid        not null,  -- whom the words are about: a person, or the activity
  version     bigint      not null,
  activity_id uuid        not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  state       jsonb       not null,
  primary key (tenant_id, id)
);
create index comments_created on crm.comments (tenant_id, created_at, id);
create index comments_updated on crm.comments (tenant_id, updated_at, id);
create index comments_activity on crm.comments (tenant_id, activity_id, created_at, id);
create index comments_subject on crm.comments (tenant_id, subject_id);

call engine.protect('crm.comments');
grant select on crm.comments to fairlead_app;
grant select, insert, update, delete on crm.comments to fairlead_engine;
