drop table identity.signing_keys;
