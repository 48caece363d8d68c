drop procedure engine.replace_beside(text);
drop procedure engine.suspend_beside(text);
drop table crm.deal_values;
drop table crm.company_values;
drop table crm.contact_values;
drop index engine.streams_custom_fields;
