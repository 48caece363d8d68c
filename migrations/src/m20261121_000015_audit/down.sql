drop function identity.note_access, identity.erased_actors, identity.workplaces_of, identity.read_audit, identity.forget_origins,
  identity.drop_old_audit;
drop table identity.audit, identity.access_log, identity.origins, identity.audit_horizon;
