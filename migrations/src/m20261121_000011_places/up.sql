-- A stream's places in the global order, for replays and erasures; and that no event has two.
create unique index outbox_event on engine.outbox (tenant_id, stream_id, version);
