drop table crm.timeline;
