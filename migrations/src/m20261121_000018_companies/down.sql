drop function crm.company_ids;
drop table crm.companies;
