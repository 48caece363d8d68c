drop index engine.outbox_event;
