-- Why:  owners sign up with a link that works once, sign in with a password, and have sessions.
-- Lock: api_key for as long as its rows are read once, which is milliseconds for ten thousand keys; the tables are new.
-- Back: end all sessions (delete from market.api_key where kind = 'session'), drop the three tables and the sequence, make the two
--       constraints of api_key as 0001 has them, and install the functions of the previous version. No login remains.

alter table market.api_key
  drop constraint api_key_kind_known,
  drop constraint api_key_belongs_to_its_kind,
  add constraint api_key_kind_known check (kind in ('agent', 'owner', 'admin', 'session')),
  add constraint api_key_belongs_to_its_kind check (
    (kind = 'agent' and agent_id is not null and owner_id is not null)
    or (kind in ('owner', 'session') and agent_id is null and owner_id is not null)
    or (kind = 'admin' and agent_id is null and owner_id is null)),
  add constraint api_key_session_ends check (kind <> 'session' or expires_at is not null);

-- What was used, revoked or has expired long ago is thrown away from its end.
create index api_key_session_by_end on market.api_key (expires_at) where kind = 'session';

-- A name and a password of an owner. An owner whom an administrator made has none until it sets one.
create table market.owner_login (
  owner_id bigint not null,
  -- As it was typed, and as it is compared: names that differ in case or in what cannot be seen are one.
  login text not null,
  login_key text not null,
  email text,
  -- The function, its parameters, the salt and the hash.
  password text not null,
  created_at timestamptz not null default platform.clock(),
  changed_at timestamptz not null default platform.clock(),
  constraint owner_login_pkey primary key (owner_id),
  constraint owner_login_once unique (login_key),
  constraint owner_login_has_a_length check (char_length(login_key) between 1 and 254)
);

-- Wrong passwords since an instant, whether or not there is such a login. Of what was typed only a keyed hash is kept.
create table market.login_attempt (
  login_hash bytea not null,
  failed integer not null,
  since timestamptz not null,
  constraint login_attempt_pkey primary key (login_hash)
);
create index login_attempt_by_age on market.login_attempt (since);

create sequence market.invitation_id;

-- A link to sign up with, once. Only the keyed hash of its token is kept.
create table market.invitation (
  id bigint not null default platform.next_id('market.invitation_id'),
  hash bytea not null,
  made_by text not null,
  name text,
  email text,
  expires_at timestamptz not null,
  used_at timestamptz,
  revoked_at timestamptz,
  owner_id bigint,
  created_at timestamptz not null default platform.clock(),
  constraint invitation_pkey primary key (id),
  constraint invitation_hash_once unique (hash),
  constraint invitation_made_by_known check (made_by in ('administrator', 'launcher')),
  constraint invitation_ends_once check (used_at is null or revoked_at is null),
  constraint invitation_makes_an_owner check ((used_at is null) = (owner_id is null))
);
create index invitation_by_end on market.invitation (expires_at);
