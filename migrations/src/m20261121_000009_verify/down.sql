revoke select on engine.reservations from fairlead_engine;
