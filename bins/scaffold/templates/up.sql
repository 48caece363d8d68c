-- The read model behind lists of @nouns: what they are filtered and sorted by, and the profile that they show.

create table @context.specimens (
  tenant_id  uuid        not null,
  id         uuid        not null,
  subject_id uuid        not null,  -- whose personal data the row would hold
  version    bigint      not null,
  name       text        not null collate "C",  -- in lower case
  owner_id   uuid,
  project_id uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  state      jsonb       not null,
  primary key (tenant_id, id)
);
create index specimens_created on @context.specimens (tenant_id, created_at, id);
create index specimens_updated on @context.specimens (tenant_id, updated_at, id);
create index specimens_name on @context.specimens (tenant_id, name, id);
create index specimens_owner on @context.specimens (tenant_id, owner_id, created_at, id);
create index specimens_project on @context.specimens (tenant_id, project_id, created_at, id);

call engine.protect('@context.specimens');
grant select on @context.specimens to fairlead_app;
grant select, insert, update, delete on @context.specimens to fairlead_engine;
