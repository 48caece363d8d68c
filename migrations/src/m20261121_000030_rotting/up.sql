-- Deals that stay too long in their stage are told of once in each stay, and found by an index of those not told of yet.

alter table crm.deals add column rotted boolean not null default false;

-- For each stage, those that are there longest come first.
create index deals_rotting on crm.deals (tenant_id, pipeline_id, stage_id, stage_entered_at)
  where status = 'open' and not rotted;
