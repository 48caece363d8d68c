-- The read model behind lists of contacts: what they are filtered and sorted by, and the profile that they show.

create schema crm;
grant usage on schema crm to fairlead_app, fairlead_engine;

create table crm.contacts (
  tenant_id  uuid        not null,
  id         uuid        not null,
  subject_id uuid        not null,  -- whose personal data the row holds
  version    bigint      not null,
  name       text        not null collate "C",  -- in lower case
  email      text        collate "C",           -- in lower case
  phone      text        collate "C",
  tags       text[]      not null,
  owner_id   uuid,
  project_id uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  state      jsonb       not null,
  primary key (tenant_id, id)
);
create index contacts_created on crm.contacts (tenant_id, created_at, id);
create index contacts_updated on crm.contacts (tenant_id, updated_at, id);
create index contacts_name on crm.contacts (tenant_id, name, id);
create index contacts_owner on crm.contacts (tenant_id, owner_id, created_at, id);
create index contacts_project on crm.contacts (tenant_id, project_id, created_at, id);
create index contacts_phone on crm.contacts (tenant_id, phone);
create index contacts_email on crm.contacts (tenant_id, email);

call engine.protect('crm.contacts');
grant select on crm.contacts to fairlead_app;
grant select, insert, update, delete on crm.contacts to fairlead_engine;
