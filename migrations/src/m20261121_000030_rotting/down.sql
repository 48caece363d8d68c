drop index crm.deals_rotting;
alter table crm.deals drop column rotted;
