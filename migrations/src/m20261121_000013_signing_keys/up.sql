-- The installation's keys for signing tokens. They concern every organization, and requests have no business with them: the
-- API reads them as the engine.
create schema if not exists identity;
grant usage on schema identity to fairlead_app, fairlead_engine;

create table identity.signing_keys (
  id               text        primary key,  -- the thumbprint of the public half
  algorithm        text        not null check (algorithm in ('EdDSA', 'RS256')),
  public_key       jsonb       not null,
  private_key      bytea,                    -- sealed under a key of the installation; null once it is destroyed
  installation_key text        not null,     -- the name of that key
  created_at       timestamptz not null,
  active_from      timestamptz not null,
  signed_until     timestamptz,              -- until when the longest token holds that it signed by hand
  revoked_at       timestamptz,
  check (private_key is not null or revoked_at is not null)
);
grant select, insert, update, delete on identity.signing_keys to fairlead_engine;
