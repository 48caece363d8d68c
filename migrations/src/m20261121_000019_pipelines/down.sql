drop function crm.pipeline_ids;
drop table crm.pipelines;
