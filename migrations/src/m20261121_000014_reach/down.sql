drop function engine.read_log_within(
  uuid, bigint, bigint, integer, integer, text[], text, text[], text[], uuid, uuid[]
);
drop function engine.read_record_within(uuid, uuid, text, bigint, integer, uuid, uuid[]);
drop function engine.belongs(jsonb, uuid, uuid[]);
