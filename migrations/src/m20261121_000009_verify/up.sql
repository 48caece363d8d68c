-- `fairlead verify` holds reserved keys against what states reserve.
grant select on engine.reservations to fairlead_engine;
