-- Why:  the first schema: owners, agents, keys, services, invocations, the event log and the ledger under them.
-- Lock: none that anybody waits for; every table is new.
-- Back: drop schema market, ledger, platform cascade. There is nothing older to keep.

create schema platform;
create schema ledger;
create schema market;

-- Database time, the only clock that decides a race. A test database replaces the body by one with an offset;
-- in production start-up refuses any other body than this one.
create function platform.clock() returns timestamptz
language sql volatile parallel safe
as $$ select clock_timestamp() $$;

-- The upper 11 of 53 bits of every id. One machine is shard 0, so that people see 1, 2, 3.
create function platform.shard() returns bigint
language sql immutable parallel safe
as $$ select 0::bigint $$;

create function platform.next_id(p_sequence regclass) returns bigint
language sql volatile
as $$ select (platform.shard() << 42) | nextval(p_sequence) $$;

-- UUID version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then random bits. Built in only from PostgreSQL 18.
create function platform.uuidv7() returns uuid
language sql volatile
as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from platform.clock()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;

-- What is written once stays: the trigger of every immutable table.
create function platform.refuse_change() returns trigger
language plpgsql
as $$
begin
  raise exception '%.% is immutable: % refused', tg_table_schema, tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation';
end
$$;

create sequence market.owner_id;
create sequence market.agent_id;
create sequence market.api_key_id;
create sequence market.service_id;
create sequence market.invocation_id;
create sequence market.agent_event_id;
create sequence ledger.hold_id;
create sequence ledger.transfer_id;
create sequence ledger.outcome_id;

-- ---------------------------------------------------------------------------------------------------------------------
-- The ledger. Amounts are hundredths of a shell, at most 10^15.

-- An owner's wallet account has the owner's id; the system's accounts have ids below zero.
create table ledger.account (
  id bigint not null,
  owner_id bigint,
  kind text not null,
  created_at timestamptz not null default platform.clock(),
  constraint account_pkey primary key (id),
  constraint account_kind_known check (kind in ('wallet', 'fee', 'mint', 'adjust')),
  constraint account_owner_has_its_id check ((kind = 'wallet' and owner_id = id and id > 0) or (kind <> 'wallet' and owner_id is null and id < 0)),
  constraint account_once unique nulls not distinct (owner_id, kind)
);

insert into ledger.account (id, owner_id, kind) values (-1, null, 'fee'), (-2, null, 'mint'), (-3, null, 'adjust');

-- The only mutable money row; only a payer's own operation (or a fold) touches it.
create table ledger.wallet (
  account_id bigint not null,
  available bigint not null default 0,
  held bigint not null default 0,
  constraint wallet_pkey primary key (account_id),
  constraint wallet_available_never_negative check (available >= 0),
  constraint wallet_held_never_negative check (held >= 0)
) with (fillfactor = 60);

-- Money that has arrived and is not folded into the wallet yet. Rows come with a settlement or a transfer and go with a fold.
create table ledger.credit (
  account_id bigint not null,
  amount bigint not null,
  constraint credit_positive check (amount > 0)
);
create index credit_by_account on ledger.credit (account_id);

create table ledger.hold (
  id bigint not null,
  payer_account bigint not null,
  payer_agent bigint not null,
  payee_account bigint,
  payee_agent bigint,
  subject_kind text not null,
  subject_id bigint not null,
  amount bigint not null,
  fee_bps integer not null,
  give_up_at timestamptz not null,
  created_at timestamptz not null,
  constraint hold_pkey primary key (id),
  constraint hold_subject_known check (subject_kind in ('invocation', 'task', 'employment', 'match')),
  constraint hold_amount_in_range check (amount between 1 and 1000000000000000),
  constraint hold_fee_in_range check (fee_bps between 0 and 10000)
) partition by range (id);
create index hold_by_payer on ledger.hold (payer_account, created_at, id);

-- A hold settles once because its settlement's key is the hold's id.
create table ledger.settlement (
  hold_id bigint not null,
  outcome text not null,
  payer_account bigint not null,
  payee_account bigint,
  payee_agent bigint,
  amount bigint not null,
  to_payee bigint not null,
  to_fee bigint not null,
  to_payer bigint not null,
  actor text not null,
  settled_at timestamptz not null,
  constraint hold_settles_once primary key (hold_id),
  constraint settlement_outcome_known check (outcome in ('released', 'refunded', 'timed_out', 'arbitrated')),
  constraint settlement_parts_not_negative check (to_payee >= 0 and to_fee >= 0 and to_payer >= 0),
  constraint settlement_parts_sum_to_amount check (to_payee + to_fee + to_payer = amount),
  constraint settlement_pays_somebody check (to_payee + to_fee = 0 or payee_account is not null)
) partition by range (hold_id);
create index settlement_by_payee on ledger.settlement (payee_account, settled_at, hold_id) where to_payee > 0;
create index settlement_refunds_by_payer on ledger.settlement (payer_account, settled_at, hold_id) where to_payer > 0;

create table ledger.transfer (
  id bigint not null default platform.next_id('ledger.transfer_id'),
  kind text not null,
  debit bigint not null,
  credit bigint not null,
  amount bigint not null,
  reverses bigint,
  reference text,
  memo text,
  actor text not null,
  created_at timestamptz not null,
  constraint transfer_pkey primary key (id),
  constraint transfer_kind_known check (kind in ('deposit', 'payout', 'tip', 'reversal', 'adjust')),
  constraint transfer_moves_between_two check (debit <> credit),
  constraint transfer_amount_in_range check (amount between 1 and 1000000000000000),
  constraint transfer_reversal_names_one check ((kind = 'reversal') = (reverses is not null)),
  constraint transfer_reversed_once unique (reverses)
);
create index transfer_by_debit on ledger.transfer (debit, created_at, id);
create index transfer_by_credit on ledger.transfer (credit, created_at, id);
-- What circulates is summed at every deposit, from these two alone.
create index transfer_minted on ledger.transfer (debit) include (amount) where debit = -2;
create index transfer_unminted on ledger.transfer (credit) include (amount) where credit = -2;

-- Which key bought which result. Kept as long as the hold that it bought.
create table ledger.idempotency (
  principal_id bigint not null,
  principal_kind text not null,
  key text not null,
  operation text not null,
  fingerprint bytea not null,
  result_id bigint not null,
  created_at timestamptz not null,
  constraint idempotency_pkey primary key (principal_id, principal_kind, key),
  constraint idempotency_principal_known check (principal_kind in ('agent', 'owner', 'admin')),
  constraint idempotency_fingerprint_is_sha256 check (octet_length(fingerprint) = 32)
) partition by hash (principal_id);
create table ledger.idempotency_h0 partition of ledger.idempotency for values with (modulus 4, remainder 0);
create table ledger.idempotency_h1 partition of ledger.idempotency for values with (modulus 4, remainder 1);
create table ledger.idempotency_h2 partition of ledger.idempotency for values with (modulus 4, remainder 2);
create table ledger.idempotency_h3 partition of ledger.idempotency for values with (modulus 4, remainder 3);

create table ledger.fee_rate (
  category text not null,
  basis_points integer not null,
  updated_at timestamptz not null,
  constraint fee_rate_pkey primary key (category),
  constraint fee_rate_in_range check (basis_points between 0 and 10000)
);

-- One permanent row for every end and every review: what reputation and statistics are made of.
create table ledger.outcome (
  id bigint not null default platform.next_id('ledger.outcome_id'),
  subject_kind text not null,
  subject_id bigint not null,
  kind text not null,
  service_id bigint,
  payer_owner bigint not null,
  payer_agent bigint not null,
  payee_owner bigint not null,
  payee_agent bigint not null,
  price bigint not null,
  earned bigint not null,
  promised_ms integer,
  opened_at timestamptz not null,
  at timestamptz not null,
  stars smallint,
  constraint outcome_pkey primary key (id),
  constraint outcome_kind_known check (kind in ('completed', 'failed', 'timeout', 'cancelled', 'review')),
  constraint outcome_stars_in_range check (stars between 1 and 5)
) partition by range (id);

-- The outcomes that are not tallied yet. A queue of ids, not a cursor: ids do not follow commit order, and a dump that is
-- restored into a new cluster would shift a cursor over transaction ids.
create table ledger.outcome_queue (
  outcome_id bigint not null
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Owners, agents and their keys.

create table market.owner (
  id bigint not null default platform.next_id('market.owner_id'),
  name text not null,
  created_at timestamptz not null default platform.clock(),
  constraint owner_pkey primary key (id)
);

create table market.agent (
  id bigint not null default platform.next_id('market.agent_id'),
  owner_id bigint not null,
  name text not null,
  category text,
  description text not null default '',
  capabilities text[] not null default '{}',
  preferences json not null default '{}',
  status text not null default 'offline',
  market_visibility text not null default 'private',
  market_published_at timestamptz,
  frozen_at timestamptz,
  freeze_reason text,
  last_active_at timestamptz not null default platform.clock(),
  created_at timestamptz not null default platform.clock(),
  constraint agent_pkey primary key (id),
  constraint agent_status_known check (status in ('online', 'offline', 'busy')),
  constraint agent_visibility_known check (market_visibility in ('private', 'public'))
);
create index agent_by_owner on market.agent (owner_id, id);
create index agent_on_market on market.agent (id) where market_visibility = 'public';

create table market.api_key (
  id bigint not null default platform.next_id('market.api_key_id'),
  kind text not null,
  owner_id bigint,
  agent_id bigint,
  name text not null default '',
  hash bytea not null,
  hint text not null,
  scopes text[] not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  replaced_by bigint,
  last_used_at timestamptz,
  created_at timestamptz not null default platform.clock(),
  constraint api_key_pkey primary key (id),
  constraint api_key_kind_known check (kind in ('agent', 'owner', 'admin')),
  constraint api_key_belongs_to_its_kind check (
    (kind = 'agent' and agent_id is not null and owner_id is not null)
    or (kind = 'owner' and agent_id is null and owner_id is not null)
    or (kind = 'admin' and agent_id is null and owner_id is null)),
  constraint api_key_hash_once unique (hash)
);
create index api_key_by_agent on market.api_key (agent_id, id);
create index api_key_by_owner on market.api_key (owner_id, id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Services and their versions.

create table market.service (
  id bigint not null default platform.next_id('market.service_id'),
  owner_id bigint not null,
  agent_id bigint not null,
  title text not null,
  description text not null,
  category text not null,
  price bigint not null,
  avg_response_ms integer not null,
  max_pending integer not null,
  max_pending_per_caller integer not null,
  is_active boolean not null,
  version integer not null,
  created_at timestamptz not null default platform.clock(),
  updated_at timestamptz not null default platform.clock(),
  constraint service_pkey primary key (id),
  constraint service_title_once unique (owner_id, title),
  constraint service_price_in_range check (price between 1 and 1000000000000000),
  constraint service_avg_response_in_range check (avg_response_ms between 1 and 86400000),
  constraint service_max_pending_in_range check (max_pending between 1 and 1000000),
  constraint service_max_pending_per_caller_in_range check (max_pending_per_caller between 1 and 1000000)
);
create index service_by_agent on market.service (agent_id, id);
create index service_by_category on market.service (category, id) where is_active;

create table market.service_version (
  service_id bigint not null,
  version integer not null,
  title text not null,
  description text not null,
  category text not null,
  price bigint not null,
  avg_response_ms integer not null,
  input_schema json,
  output_schema json,
  created_at timestamptz not null,
  constraint service_version_pkey primary key (service_id, version)
);

-- How many invocations are pending, per service (caller 0) and per service and caller.
create table market.service_load (
  service_id bigint not null,
  caller_agent_id bigint not null,
  pending integer not null,
  constraint service_load_pkey primary key (service_id, caller_agent_id),
  constraint service_load_never_negative check (pending >= 0)
) with (fillfactor = 50);

create table market.service_stats (
  service_id bigint not null,
  completed bigint not null default 0,
  failed bigint not null default 0,
  timed_out bigint not null default 0,
  cancelled bigint not null default 0,
  earned bigint not null default 0,
  response_ms bigint not null default 0,
  stars bigint not null default 0,
  reviews bigint not null default 0,
  constraint service_stats_pkey primary key (service_id)
) with (fillfactor = 50);

create table market.agent_stats (
  agent_id bigint not null,
  completed bigint not null default 0,
  failed bigint not null default 0,
  timed_out bigint not null default 0,
  cancelled bigint not null default 0,
  earned bigint not null default 0,
  response_ms bigint not null default 0,
  stars bigint not null default 0,
  reviews bigint not null default 0,
  constraint agent_stats_pkey primary key (agent_id)
) with (fillfactor = 50);

-- ---------------------------------------------------------------------------------------------------------------------
-- Invocations. Between agents of one owner there is no hold and the price is 0.

create table market.invocation (
  id bigint not null,
  hold_id bigint,
  service_id bigint not null,
  version integer not null,
  caller_agent_id bigint not null,
  caller_owner_id bigint not null,
  provider_agent_id bigint not null,
  provider_owner_id bigint not null,
  price bigint not null,
  status text not null,
  cancelled boolean not null default false,
  input json,
  output json,
  attachments text[],
  error text,
  submit_fingerprint bytea,
  created_at timestamptz not null,
  deadline_at timestamptz not null,
  handed_over_at timestamptz,
  hand_over_channel text,
  acknowledged_at timestamptz,
  settled_at timestamptz,
  constraint invocation_pkey primary key (id),
  constraint invocation_status_known check (status in ('pending', 'completed', 'failed', 'timeout')),
  constraint invocation_settled_when_ended check ((status = 'pending') = (settled_at is null)),
  constraint invocation_cancelled_is_failed check (not cancelled or status = 'failed'),
  constraint invocation_held_or_free check ((price > 0) = (hold_id is not null))
) partition by range (id);
create index invocation_by_caller on market.invocation (caller_agent_id, id);
create index invocation_by_provider on market.invocation (provider_agent_id, id);
create index invocation_due on market.invocation (deadline_at) where status = 'pending';

create table market.invocation_progress (
  invocation_id bigint not null,
  n integer not null,
  percent smallint not null,
  note text not null,
  at timestamptz not null,
  constraint invocation_progress_pkey primary key (invocation_id, n),
  constraint invocation_progress_percent_in_range check (percent between 0 and 100)
) partition by range (invocation_id);

create table market.review (
  invocation_id bigint not null,
  rating smallint,
  review text,
  created_at timestamptz not null,
  constraint invocation_reviewed_once primary key (invocation_id),
  constraint review_rating_in_range check (rating between 1 and 5)
) partition by range (invocation_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- The event log: one numbered stream per agent. A sequence number is taken under the stream's row lock, so a reader that
-- has seen n has seen everything before n.

create table market.agent_stream (
  agent_id bigint not null,
  next_seq bigint not null default 1,
  constraint agent_stream_pkey primary key (agent_id)
) with (fillfactor = 50);

create table market.agent_event (
  id bigint not null default platform.next_id('market.agent_event_id'),
  agent_id bigint not null,
  seq bigint not null,
  event_id uuid not null default platform.uuidv7(),
  type text not null,
  invocation_id bigint,
  created_at timestamptz not null,
  constraint agent_event_pkey primary key (agent_id, seq, id)
) partition by range (id);

-- ---------------------------------------------------------------------------------------------------------------------
-- What is immutable.

create trigger account_is_immutable before update or delete on ledger.account for each row execute function platform.refuse_change();
create trigger hold_is_immutable before update or delete on ledger.hold for each row execute function platform.refuse_change();
create trigger settlement_is_immutable before update or delete on ledger.settlement for each row execute function platform.refuse_change();
create trigger transfer_is_immutable before update or delete on ledger.transfer for each row execute function platform.refuse_change();
create trigger outcome_is_immutable before update or delete on ledger.outcome for each row execute function platform.refuse_change();
create trigger service_version_is_immutable before update or delete on market.service_version for each row execute function platform.refuse_change();
create trigger account_is_kept before truncate on ledger.account execute function platform.refuse_change();
create trigger hold_is_kept before truncate on ledger.hold execute function platform.refuse_change();
create trigger settlement_is_kept before truncate on ledger.settlement execute function platform.refuse_change();
create trigger transfer_is_kept before truncate on ledger.transfer execute function platform.refuse_change();
create trigger outcome_is_kept before truncate on ledger.outcome execute function platform.refuse_change();
create trigger service_version_is_kept before truncate on market.service_version execute function platform.refuse_change();

-- ---------------------------------------------------------------------------------------------------------------------
-- Partitions by id, 2^24 ids each. The worker calls this every minute, so that the next two stand before they are needed.

create function platform.extend_partitions() returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  c_size constant bigint := 16777216;
  v_made integer := 0;
  v_top bigint;
  v_part text;
  v_table record;
begin
  for v_table in
    select *
    from (values
      ('ledger', 'hold', 'ledger.hold_id', true),
      ('ledger', 'settlement', 'ledger.hold_id', true),
      ('ledger', 'outcome', 'ledger.outcome_id', true),
      ('market', 'invocation', 'market.invocation_id', false),
      ('market', 'invocation_progress', 'market.invocation_id', false),
      ('market', 'review', 'market.invocation_id', false),
      ('market', 'agent_event', 'market.agent_event_id', false)
    ) as t (schema_name, table_name, sequence_name, is_immutable)
  loop
    v_top := coalesce(pg_sequence_last_value(v_table.sequence_name::regclass), 0) / c_size + 2;
    for n in 0 .. v_top - 1 loop
      v_part := format('%s_p%s', v_table.table_name, lpad(n::text, 5, '0'));
      continue when to_regclass(format('%I.%I', v_table.schema_name, v_part)) is not null;
      -- Made apart and attached: attaching takes a lock that lets readers and writers of the parent go on.
      execute format('create table %I.%I (like %I.%I including defaults including constraints)',
        v_table.schema_name, v_part, v_table.schema_name, v_table.table_name);
      execute format('alter table %I.%I attach partition %I.%I for values from (%s) to (%s)',
        v_table.schema_name, v_table.table_name, v_table.schema_name, v_part,
        (platform.shard() << 42) + n * c_size, (platform.shard() << 42) + (n + 1) * c_size);
      if v_table.is_immutable then
        execute format('create trigger %I before truncate on %I.%I execute function platform.refuse_change()',
          v_part || '_is_kept', v_table.schema_name, v_part);
      end if;
      v_made := v_made + 1;
    end loop;
  end loop;
  return v_made;
end
$$;

select platform.extend_partitions();
