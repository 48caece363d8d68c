drop function crm.deal_ids;
drop table crm.deals;
