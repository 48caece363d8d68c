drop table crm.comments;
