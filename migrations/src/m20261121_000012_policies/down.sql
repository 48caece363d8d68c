drop table engine.refusals;
