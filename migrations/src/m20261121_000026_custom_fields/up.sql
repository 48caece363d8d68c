-- Custom fields, and the values of custom attributes, by which lists are filtered and sorted.

-- Of custom fields an organization has few: see streams_register.
create index streams_custom_fields on engine.streams (tenant_id, aggregate, stream_id)
  where deleted_at is null and aggregate in ('custom_field');

-- A row for each value of a record's custom attributes: beside the lists, since each organization has attributes of its own. A
-- text is in lower case and cut off, and its order is that of the values: days and times are written so.
create table crm.contact_values (
  tenant_id  uuid     not null,
  id         uuid     not null,                   -- the record
  key        text     not null collate "C",
  n          smallint not null,                   -- which of several values
  text       text     collate "C",
  number     double precision,
  primary key (tenant_id, id, key, n)
);
create index contact_values_text on crm.contact_values (tenant_id, key, text, id);
create index contact_values_number on crm.contact_values (tenant_id, key, number, id);

create table crm.company_values (like crm.contact_values including all);
create table crm.deal_values (like crm.contact_values including all);

call engine.protect('crm.contact_values');
call engine.protect('crm.company_values');
call engine.protect('crm.deal_values');
grant select on crm.contact_values, crm.company_values, crm.deal_values to fairlead_app;
grant select, insert, update, delete on crm.contact_values, crm.company_values, crm.deal_values to fairlead_engine;

-- Keeps readers and writers out of a table beside a read model that is suspended. Whoever has met readers that hold one of the
-- two tables and wait for the other one gives way before they do.
create procedure engine.suspend_beside(p_table text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
begin
  execute format('lock table %s in access exclusive mode', engine.read_model(p_table));
end $$;

-- Puts the rebuilt table in the place of one beside a read model. To be called in the transaction that suspended both.
create procedure engine.replace_beside(p_table text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
declare
  v_shadow regclass := engine.read_model(p_table || '_rebuilt');
begin
  execute format('drop table %s', engine.read_model(p_table));
  execute format('alter table %s rename to %I', v_shadow, split_part(p_table, '.', 2));
end $$;

revoke execute on procedure engine.suspend_beside, engine.replace_beside from public;
grant execute on procedure engine.suspend_beside, engine.replace_beside to fairlead_engine;
