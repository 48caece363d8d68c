drop table crm.contact_lists;
