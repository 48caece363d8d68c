-- The read models of contact lists. First what their lists are filtered and sorted by, and the profile that they show.

create table crm.contact_lists (
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
create index contact_lists_created on crm.contact_lists (tenant_id, created_at, id);
create index contact_lists_updated on crm.contact_lists (tenant_id, updated_at, id);
create index contact_lists_name on crm.contact_lists (tenant_id, name, id);
create index contact_lists_owner on crm.contact_lists (tenant_id, owner_id, created_at, id);
create index contact_lists_project on crm.contact_lists (tenant_id, project_id, created_at, id);

call engine.protect('crm.contact_lists');
grant select on crm.contact_lists to fairlead_app;
grant select, insert, update, delete on crm.contact_lists to fairlead_engine;

-- Who is on which list, by the newest event that says so. Who was taken off stays as a row, or an earlier event that is handled late
-- would bring the contact back. An erased contact's rows stay, too: an id alone tells nothing about a person.
create table crm.contact_list_members (
  tenant_id  uuid    not null,
  list_id    uuid    not null,
  contact_id uuid    not null,
  is_member  boolean not null,
  event_id   uuid    not null,
  position   bigint  not null,
  primary key (tenant_id, list_id, contact_id)
);
create index contact_list_members_contact on crm.contact_list_members (tenant_id, contact_id, list_id);

call engine.protect('crm.contact_list_members');
grant select on crm.contact_list_members to fairlead_app;
grant select, insert, update, delete on crm.contact_list_members to fairlead_engine;
