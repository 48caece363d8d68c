drop table crm.contact_list_members;
drop table crm.contact_lists;
