-- Why:  webhooks: agents' endpoints and their secrets, and one delivery for each event and endpoint, made from the event log. The
--       deliveries are the queue: whatever wakes a worker may be lost, the row may not. Deliveries and their attempts share ranges of
--       ids and go after C4C_EVENT_DAYS, as events do.
-- Lock: none that anybody waits for; every table is new.
-- Back: delete from platform.partition, platform.partitioned_table and platform.id_range where the table or the sequence begins with
--       'market.delivery'; drop table market.webhook_replay, market.webhook_notice, market.delivery_attempt, market.delivery,
--       market.webhook_cursor, market.webhook_secret, market.webhook_endpoint; drop sequence market.webhook_endpoint_id,
--       market.webhook_secret_id, market.webhook_replay_id, market.delivery_id.

create sequence market.webhook_endpoint_id;
create sequence market.webhook_secret_id;
create sequence market.webhook_replay_id;
create sequence market.delivery_id;

-- Where an agent wants its events. `consecutive_failures` and `first_failure_at` count from the last success; while `breaker_until` is
-- ahead nothing is sent, and `breaker_opened` is how often it opened since the last success.
create table market.webhook_endpoint (
  id bigint not null default platform.next_id('market.webhook_endpoint_id'),
  agent_id bigint not null,
  url text not null,
  description text not null default '',
  event_types text[],
  state text not null default 'unverified',
  rate_per_second integer not null default 100,
  consecutive_failures integer not null default 0,
  first_failure_at timestamptz,
  breaker_until timestamptz,
  breaker_opened integer not null default 0,
  disabled_at timestamptz,
  created_at timestamptz not null default platform.clock(),
  updated_at timestamptz not null default platform.clock(),
  deleted_at timestamptz,
  constraint webhook_endpoint_pkey primary key (id),
  constraint webhook_endpoint_state_known check (state in ('unverified', 'active', 'paused', 'failing', 'disabled')),
  constraint webhook_endpoint_rate_in_range check (rate_per_second between 1 and 1000),
  constraint webhook_endpoint_failures_have_a_first check ((consecutive_failures = 0) = (first_failure_at is null))
);
create index webhook_endpoint_by_agent on market.webhook_endpoint (agent_id, id) where deleted_at is null;

-- Secrets are encrypted. One without an end is the endpoint's own; those that a rotation replaced sign as well until they expire.
create table market.webhook_secret (
  id bigint not null default platform.next_id('market.webhook_secret_id'),
  endpoint_id bigint not null,
  secret bytea not null,
  created_at timestamptz not null default platform.clock(),
  expires_at timestamptz,
  constraint webhook_secret_pkey primary key (id)
);
create index webhook_secret_by_endpoint on market.webhook_secret (endpoint_id, id);
create unique index webhook_secret_current_once on market.webhook_secret (endpoint_id) where expires_at is null;

-- Up to which event of its stream an agent's deliveries have been made. It comes with the agent's first endpoint and moves in the
-- transaction that makes the deliveries, so every event is turned into deliveries exactly once.
create table market.webhook_cursor (
  agent_id bigint not null,
  through_seq bigint not null,
  constraint webhook_cursor_pkey primary key (agent_id)
);

-- One event on its way to one endpoint. `run_at` is when it is tried next; whoever claims it moves that to the end of the claim's
-- lease, so a claim that nobody completes falls due by itself. `attempt` counts the tries that were begun. `body` holds the exact
-- bytes of the newest try while the delivery is pending.
create table market.delivery (
  id bigint not null default platform.next_id('market.delivery_id'),
  endpoint_id bigint not null,
  agent_id bigint not null,
  seq bigint not null,
  event_id uuid not null,
  event_created_at timestamptz not null,
  type text not null,
  invocation_id bigint,
  class text not null,
  status text not null default 'pending',
  run_at timestamptz not null,
  claim_id uuid,
  attempt integer not null default 0,
  expires_at timestamptz,
  body bytea,
  replay_of bigint,
  replay_id bigint,
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint delivery_pkey primary key (id),
  constraint delivery_class_known check (class in ('work', 'info')),
  constraint delivery_status_known check (status in ('pending', 'delivered', 'failed', 'expired', 'superseded', 'cancelled')),
  constraint delivery_work_has_a_deadline check (class = 'info' or expires_at is not null),
  constraint delivery_ended_at_its_end check ((status = 'pending') = (ended_at is null)),
  constraint delivery_claimed_while_pending check (claim_id is null or status = 'pending')
) partition by range (id);
create index delivery_due on market.delivery (run_at) where status = 'pending';
create index delivery_by_endpoint on market.delivery (endpoint_id, id);
create index delivery_not_delivered on market.delivery (endpoint_id, id) where status = 'failed';

-- What one try came to. `status_code` is what the receiver answered, `reason` why there was no answer; the answer's body is cut short.
create table market.delivery_attempt (
  delivery_id bigint not null,
  attempt integer not null,
  at timestamptz not null,
  status_code smallint,
  reason text,
  detail text,
  dns_ms real,
  connect_ms real,
  tls_ms real,
  first_byte_ms real,
  total_ms real not null,
  response text,
  constraint delivery_attempt_pkey primary key (delivery_id, attempt),
  constraint delivery_attempt_answered_or_not check ((status_code is null) <> (reason is null))
) partition by range (delivery_id);

-- Which endpoint an `endpoint.failing` or `endpoint.disabled` event of a stream is about, and why.
create table market.webhook_notice (
  agent_id bigint not null,
  seq bigint not null,
  endpoint_id bigint not null,
  reason text not null,
  constraint webhook_notice_pkey primary key (agent_id, seq)
);

-- Deliveries to be made once more: one, those of a range of the log, or all that failed. `position` is how far it has come.
create table market.webhook_replay (
  id bigint not null default platform.next_id('market.webhook_replay_id'),
  endpoint_id bigint not null,
  idempotency_key text not null,
  kind text not null,
  after bigint not null,
  through bigint not null,
  position bigint not null,
  made integer not null default 0,
  status text not null default 'pending',
  created_at timestamptz not null default platform.clock(),
  ended_at timestamptz,
  constraint webhook_replay_pkey primary key (id),
  constraint webhook_replay_key_once unique (endpoint_id, idempotency_key),
  constraint webhook_replay_kind_known check (kind in ('one', 'range', 'failed')),
  constraint webhook_replay_status_known check (status in ('pending', 'done')),
  constraint webhook_replay_ended_at_its_end check ((status = 'pending') = (ended_at is null))
);
create index webhook_replay_pending on market.webhook_replay (id) where status = 'pending';
create index webhook_replay_by_endpoint on market.webhook_replay (endpoint_id, id);

insert into platform.partitioned_table (table_name, sequence_name, kind, time_column) values
  ('market.delivery', 'market.delivery_id', 'retained', 'created_at'),
  ('market.delivery_attempt', 'market.delivery_id', 'retained', 'at');

-- The first ranges, of the size that every other table began with; the job makes the next ones.
do $$
declare
  c_size constant bigint := 16777216;
  v_table text;
begin
  foreach v_table in array array ['market.delivery', 'market.delivery_attempt'] loop
    for n in 0 .. 1 loop
      execute format('create table %s_p%s partition of %s for values from (%s) to (%s)', v_table, lpad(n::text, 5, '0'), v_table,
        (platform.shard() << 42) + n * c_size, (platform.shard() << 42) + (n + 1) * c_size);
    end loop;
  end loop;
end
$$;
