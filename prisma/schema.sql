-- Made by `npm run schema:dump`; do not edit.

-- Schemas

create schema ledger
create schema market
create schema platform

-- Extensions

create extension pg_trgm

-- Types

create type ledger.amount as domain over bigint constraint amount_in_range CHECK (((VALUE >= 1) AND (VALUE <= '1000000000000000'::bigint)))
create type ledger.amount_or_none as domain over bigint constraint amount_never_negative CHECK ((VALUE >= 0))
create type ledger.basis_points as domain over integer constraint basis_points_in_range CHECK (((VALUE >= 0) AND (VALUE <= 10000)))
create type ledger.fingerprint as domain over bytea constraint fingerprint_is_sha256 CHECK ((octet_length(VALUE) = 32))
create type ledger.outcome_kind as domain over text constraint outcome_kind_known CHECK ((VALUE = ANY (ARRAY['completed'::text, 'failed'::text, 'timeout'::text, 'cancelled'::text, 'review'::text])))
create type ledger.principal_kind as domain over text constraint principal_kind_known CHECK ((VALUE = ANY (ARRAY['agent'::text, 'owner'::text, 'admin'::text])))
create type ledger.settlement_outcome as domain over text constraint settlement_outcome_known CHECK ((VALUE = ANY (ARRAY['released'::text, 'refunded'::text, 'timed_out'::text, 'arbitrated'::text])))
create type ledger.stars as domain over smallint constraint stars_in_range CHECK (((VALUE >= 1) AND (VALUE <= 5)))
create type ledger.subject_kind as domain over text constraint subject_kind_known CHECK ((VALUE = ANY (ARRAY['invocation'::text, 'task'::text, 'employment'::text, 'match'::text])))

-- Sequences

create sequence ledger.hold_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence ledger.outcome_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence ledger.transfer_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.agent_event_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.agent_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.api_key_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.approval_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.chat_message_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.delivery_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.employment_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.feedback_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.invitation_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.invocation_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.owner_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.service_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.task_application_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.task_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.task_submission_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.webhook_endpoint_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.webhook_replay_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1
create sequence market.webhook_secret_id as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1

-- Tables

create table ledger.account (
  id bigint not null,
  owner_id bigint,
  kind text not null,
  created_at timestamp with time zone not null default platform.clock(),
  constraint account_kind_known CHECK ((kind = ANY (ARRAY['wallet'::text, 'fee'::text, 'mint'::text, 'adjust'::text]))),
  constraint account_once UNIQUE NULLS NOT DISTINCT (owner_id, kind),
  constraint account_owner_has_its_id CHECK ((((kind = 'wallet'::text) AND (owner_id = id) AND (id > 0)) OR ((kind <> 'wallet'::text) AND (owner_id IS NULL) AND (id < 0)))),
  constraint account_pkey PRIMARY KEY (id)
)

create table ledger.budget (
  agent_id bigint not null,
  kind text not null,
  amount bigint not null,
  period text,
  since timestamp with time zone not null,
  constraint budget_amount_in_range CHECK (((amount >= 0) AND (amount <= '1000000000000000'::bigint))),
  constraint budget_kind_known CHECK ((kind = ANY (ARRAY['one_time'::text, 'periodic'::text]))),
  constraint budget_of_spender FOREIGN KEY (agent_id) REFERENCES ledger.spender(agent_id),
  constraint budget_period_known CHECK (
CASE kind
    WHEN 'periodic'::text THEN (period = ANY (ARRAY['daily'::text, 'weekly'::text, 'monthly'::text]))
    ELSE (period IS NULL)
END),
  constraint budget_pkey PRIMARY KEY (agent_id)
)

create table ledger.circulating (
  is_only boolean not null default true,
  amount bigint not null,
  constraint circulating_in_range CHECK (((amount >= 0) AND (amount <= '1000000000000000000'::bigint))),
  constraint circulating_is_one_row CHECK (is_only),
  constraint circulating_pkey PRIMARY KEY (is_only)
) with (fillfactor=50)

create table ledger.consent_rule (
  agent_id bigint not null,
  action text not null,
  consent text not null,
  above bigint,
  constraint consent_rule_above_given CHECK (((consent = 'above'::text) = (above IS NOT NULL))),
  constraint consent_rule_above_in_range CHECK (((above >= 0) AND (above <= '1000000000000000'::bigint))),
  constraint consent_rule_action_known CHECK ((action = ANY (ARRAY['publish'::text, 'price_change'::text, 'invoke'::text, 'hire'::text, 'task'::text]))),
  constraint consent_rule_consent_known CHECK ((consent = ANY (ARRAY['never'::text, 'always'::text, 'above'::text]))),
  constraint consent_rule_of_spender FOREIGN KEY (agent_id) REFERENCES ledger.spender(agent_id),
  constraint consent_rule_pkey PRIMARY KEY (agent_id, action)
)

create table ledger.credit (
  account_id bigint not null,
  amount ledger.amount not null
)

create table ledger.fee_rate (
  category text not null,
  basis_points integer not null,
  updated_at timestamp with time zone not null,
  constraint fee_rate_in_range CHECK (((basis_points >= 0) AND (basis_points <= 10000))),
  constraint fee_rate_pkey PRIMARY KEY (category)
)

create table ledger.hold (
  id bigint not null,
  payer_account bigint not null,
  payer_agent bigint not null,
  payee_account bigint,
  payee_agent bigint,
  subject_kind ledger.subject_kind not null,
  subject_id bigint not null,
  amount ledger.amount not null,
  fee_bps ledger.basis_points not null,
  give_up_at timestamp with time zone not null,
  created_at timestamp with time zone not null,
  constraint hold_pkey PRIMARY KEY (id)
) partition by range (id)

create table ledger.idempotency (
  principal_id bigint not null,
  principal_kind ledger.principal_kind not null,
  key_hash uuid not null,
  operation text not null,
  fingerprint ledger.fingerprint not null,
  result_id bigint not null,
  created_at timestamp with time zone not null,
  constraint idempotency_pkey PRIMARY KEY (principal_id, key_hash)
) partition by hash (principal_id)

create table ledger.month_opening (
  account_id bigint not null,
  month date not null,
  available bigint not null,
  held bigint not null,
  held_since timestamp with time zone,
  written_at timestamp with time zone not null,
  constraint month_opening_held_has_an_oldest CHECK (((held > 0) = (held_since IS NOT NULL))),
  constraint month_opening_held_never_negative CHECK ((held >= 0)),
  constraint month_opening_is_a_first CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
  constraint month_opening_pkey PRIMARY KEY (account_id, month)
)

create table ledger.outcome (
  id bigint not null default platform.next_id('ledger.outcome_id'::regclass),
  subject_kind text not null,
  subject_id bigint not null,
  kind ledger.outcome_kind not null,
  service_id bigint,
  payer_owner bigint not null,
  payer_agent bigint not null,
  payee_owner bigint not null,
  payee_agent bigint not null,
  price bigint not null,
  earned bigint not null,
  promised_ms integer,
  opened_at timestamp with time zone not null,
  at timestamp with time zone not null,
  stars ledger.stars,
  constraint outcome_pkey PRIMARY KEY (id)
) partition by range (id)

create table ledger.outcome_queue (
  outcome_id bigint not null
)

create table ledger.settlement (
  hold_id bigint not null,
  outcome ledger.settlement_outcome not null,
  payer_account bigint not null,
  payee_account bigint,
  payee_agent bigint,
  amount bigint not null,
  to_payee ledger.amount_or_none not null,
  to_fee ledger.amount_or_none not null,
  to_payer ledger.amount_or_none not null,
  actor text not null,
  settled_at timestamp with time zone not null,
  constraint hold_settles_once PRIMARY KEY (hold_id)
) partition by range (hold_id)

create table ledger.spend_limit (
  agent_id bigint not null,
  kind text not null,
  subject text not null default ''::text,
  amount bigint not null,
  constraint spend_limit_amount_in_range CHECK (((amount >= 0) AND (amount <= '1000000000000000'::bigint))),
  constraint spend_limit_kind_known CHECK ((kind = ANY (ARRAY['transaction'::text, 'day'::text, 'category'::text, 'counterparty'::text, 'first_time_provider'::text]))),
  constraint spend_limit_of_spender FOREIGN KEY (agent_id) REFERENCES ledger.spender(agent_id),
  constraint spend_limit_pkey PRIMARY KEY (agent_id, kind, subject),
  constraint spend_limit_subject_fits CHECK (((kind = 'category'::text) = (subject <> ''::text)))
)

create table ledger.spend_total (
  agent_id bigint not null,
  scope text not null,
  subject text not null default ''::text,
  since timestamp with time zone not null,
  amount bigint not null,
  constraint spend_total_never_negative CHECK ((amount >= 0)),
  constraint spend_total_of_spender FOREIGN KEY (agent_id) REFERENCES ledger.spender(agent_id),
  constraint spend_total_pkey PRIMARY KEY (agent_id, scope, subject),
  constraint spend_total_scope_known CHECK ((scope = ANY (ARRAY['budget'::text, 'day'::text, 'category'::text, 'counterparty'::text])))
) with (fillfactor=60)

create table ledger.spender (
  agent_id bigint not null,
  counted_from timestamp with time zone not null,
  constraint spender_pkey PRIMARY KEY (agent_id)
)

create table ledger.transfer (
  id bigint not null default platform.next_id('ledger.transfer_id'::regclass),
  kind text not null,
  debit bigint not null,
  credit bigint not null,
  amount bigint not null,
  reverses bigint,
  reference text,
  memo text,
  actor text not null,
  created_at timestamp with time zone not null,
  constraint transfer_amount_in_range CHECK (((amount >= 1) AND (amount <= '1000000000000000'::bigint))),
  constraint transfer_kind_known CHECK ((kind = ANY (ARRAY['deposit'::text, 'payout'::text, 'tip'::text, 'reversal'::text, 'adjust'::text]))),
  constraint transfer_moves_between_two CHECK ((debit <> credit)),
  constraint transfer_pkey PRIMARY KEY (id),
  constraint transfer_reversal_names_one CHECK (((kind = 'reversal'::text) = (reverses IS NOT NULL))),
  constraint transfer_reversed_once UNIQUE (reverses)
)

create table ledger.wallet (
  account_id bigint not null,
  available ledger.amount_or_none not null default 0,
  held ledger.amount_or_none not null default 0,
  constraint wallet_pkey PRIMARY KEY (account_id)
) with (fillfactor=60)

create table market.agent (
  id bigint not null default platform.next_id('market.agent_id'::regclass),
  owner_id bigint not null,
  name text not null,
  category text,
  description text not null default ''::text,
  capabilities text[] not null default '{}'::text[],
  preferences json not null default '{}'::json,
  status text not null default 'offline'::text,
  market_visibility text not null default 'private'::text,
  market_published_at timestamp with time zone,
  frozen_at timestamp with time zone,
  freeze_reason text,
  last_active_at timestamp with time zone not null default platform.clock(),
  created_at timestamp with time zone not null default platform.clock(),
  constraint agent_pkey PRIMARY KEY (id),
  constraint agent_status_known CHECK ((status = ANY (ARRAY['online'::text, 'offline'::text, 'busy'::text]))),
  constraint agent_visibility_known CHECK ((market_visibility = ANY (ARRAY['private'::text, 'public'::text])))
)

create table market.agent_day (
  agent_id bigint not null,
  day date not null,
  completed integer not null,
  constraint agent_day_pkey PRIMARY KEY (agent_id, day)
) with (fillfactor=70)

create table market.agent_event (
  id bigint not null default platform.next_id('market.agent_event_id'::regclass),
  agent_id bigint not null,
  seq bigint not null,
  event_id uuid not null default platform.uuidv7(),
  type text not null,
  invocation_id bigint,
  created_at timestamp with time zone not null,
  constraint agent_event_pkey PRIMARY KEY (agent_id, seq, id)
) partition by range (id)

create table market.agent_hour (
  agent_id bigint not null,
  hour timestamp with time zone not null,
  seen integer not null,
  constraint agent_hour_has_twelve_parts CHECK (((seen >= 1) AND (seen <= 4095))),
  constraint agent_hour_pkey PRIMARY KEY (agent_id, hour)
) with (fillfactor=70)

create table market.agent_notice (
  agent_id bigint not null,
  seq bigint not null,
  data json not null,
  constraint agent_notice_pkey PRIMARY KEY (agent_id, seq)
)

create table market.agent_poll (
  agent_id bigint not null,
  polled_at timestamp with time zone not null,
  constraint agent_poll_pkey PRIMARY KEY (agent_id)
) with (fillfactor=50)

create table market.agent_presence (
  agent_id bigint not null,
  node uuid not null,
  state text not null,
  constraint agent_presence_pkey PRIMARY KEY (agent_id, node),
  constraint agent_presence_state_known CHECK ((state = ANY (ARRAY['acknowledging'::text, 'plain'::text, 'silent'::text])))
) with (fillfactor=70)

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
  responses bigint not null default 0,
  constraint agent_stats_pkey PRIMARY KEY (agent_id)
) with (fillfactor=50)

create table market.agent_stream (
  agent_id bigint not null,
  next_seq bigint not null default 1,
  constraint agent_stream_pkey PRIMARY KEY (agent_id)
) with (fillfactor=50)

create table market.api_key (
  id bigint not null default platform.next_id('market.api_key_id'::regclass),
  kind text not null,
  owner_id bigint,
  agent_id bigint,
  name text not null default ''::text,
  hash bytea not null,
  hint text not null,
  scopes text[] not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  replaced_by bigint,
  last_used_at timestamp with time zone,
  created_at timestamp with time zone not null default platform.clock(),
  constraint api_key_belongs_to_its_kind CHECK ((((kind = 'agent'::text) AND (agent_id IS NOT NULL) AND (owner_id IS NOT NULL)) OR ((kind = ANY (ARRAY['owner'::text, 'session'::text])) AND (agent_id IS NULL) AND (owner_id IS NOT NULL)) OR ((kind = 'admin'::text) AND (agent_id IS NULL) AND (owner_id IS NULL)))),
  constraint api_key_hash_once UNIQUE (hash),
  constraint api_key_kind_known CHECK ((kind = ANY (ARRAY['agent'::text, 'owner'::text, 'admin'::text, 'session'::text]))),
  constraint api_key_pkey PRIMARY KEY (id),
  constraint api_key_session_ends CHECK (((kind <> 'session'::text) OR (expires_at IS NOT NULL)))
)

create table market.approval (
  id bigint not null,
  owner_id bigint not null,
  agent_id bigint not null,
  action text not null,
  state text not null,
  request json not null,
  request_print bytea not null,
  idempotency_key text,
  amount bigint not null,
  sentence text not null,
  reasons json not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  decided_at timestamp with time zone,
  decided_by text,
  words text,
  ended_at timestamp with time zone,
  result_id bigint,
  problem json,
  link_hash bytea,
  constraint approval_action_known CHECK ((action = ANY (ARRAY['publish'::text, 'price_change'::text, 'invoke'::text, 'hire'::text, 'task'::text]))),
  constraint approval_amount_not_negative CHECK ((amount >= 0)),
  constraint approval_decided_by_somebody CHECK (((decided_at IS NULL) = (decided_by IS NULL))),
  constraint approval_decided_in_time CHECK ((decided_at < expires_at)),
  constraint approval_decided_with_time CHECK (((decided_at IS NOT NULL) = (state = ANY (ARRAY['approved'::text, 'denied'::text, 'executed'::text, 'failed'::text])))),
  constraint approval_ends_once CHECK (((ended_at IS NULL) = (state = ANY (ARRAY['pending'::text, 'approved'::text])))),
  constraint approval_expires_later CHECK ((expires_at > created_at)),
  constraint approval_link_once UNIQUE (link_hash),
  constraint approval_pkey PRIMARY KEY (id),
  constraint approval_print_is_sha256 CHECK ((octet_length(request_print) = 32)),
  constraint approval_problem_when_failed CHECK (((problem IS NOT NULL) = (state = 'failed'::text))),
  constraint approval_result_when_executed CHECK (((result_id IS NOT NULL) = (state = 'executed'::text))),
  constraint approval_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'denied'::text, 'expired'::text, 'executed'::text, 'failed'::text])))
)

create table market.chat_message (
  id bigint not null,
  employment_id bigint not null,
  sender_agent_id bigint not null,
  receiver_agent_id bigint not null,
  message_id text not null,
  type text not null,
  content text not null,
  metadata jsonb,
  created_at timestamp with time zone not null,
  constraint chat_message_between_two CHECK ((sender_agent_id <> receiver_agent_id)),
  constraint chat_message_has_a_length CHECK (((char_length(content) >= 1) AND (char_length(content) <= 4000))),
  constraint chat_message_once UNIQUE (sender_agent_id, message_id),
  constraint chat_message_pkey PRIMARY KEY (id)
)

create table market.chat_reading (
  employment_id bigint not null,
  reader_agent_id bigint not null,
  up_to_id bigint not null,
  read_at timestamp with time zone not null,
  constraint chat_reading_pkey PRIMARY KEY (employment_id, reader_agent_id, up_to_id)
)

create table market.consumer_claim (
  agent_id bigint not null,
  consumer text not null,
  seq bigint not null,
  attempt integer not null,
  session uuid,
  due_at timestamp with time zone not null,
  constraint consumer_claim_attempt_not_negative CHECK ((attempt >= 0)),
  constraint consumer_claim_pkey PRIMARY KEY (agent_id, consumer, seq)
) with (fillfactor=70)

create table market.consumer_cursor (
  agent_id bigint not null,
  consumer text not null,
  acked_seq bigint not null,
  taken_seq bigint not null,
  types text[],
  updated_at timestamp with time zone not null,
  constraint consumer_cursor_acknowledges_what_was_taken CHECK (((acked_seq >= 0) AND (acked_seq <= taken_seq))),
  constraint consumer_cursor_has_a_name CHECK (((length(consumer) >= 1) AND (length(consumer) <= 64))),
  constraint consumer_cursor_pkey PRIMARY KEY (agent_id, consumer)
) with (fillfactor=50)

create table market.consumer_socket (
  session uuid not null,
  node uuid not null,
  agent_id bigint not null,
  consumer text not null,
  constraint consumer_socket_pkey PRIMARY KEY (session)
)

create table market.delivery (
  id bigint not null default platform.next_id('market.delivery_id'::regclass),
  endpoint_id bigint not null,
  agent_id bigint not null,
  seq bigint not null,
  event_id uuid not null,
  event_created_at timestamp with time zone not null,
  type text not null,
  invocation_id bigint,
  class text not null,
  status text not null default 'pending'::text,
  run_at timestamp with time zone not null,
  claim_id uuid,
  attempt integer not null default 0,
  expires_at timestamp with time zone,
  body bytea,
  replay_of bigint,
  replay_id bigint,
  created_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  constraint delivery_claimed_while_pending CHECK (((claim_id IS NULL) OR (status = 'pending'::text))),
  constraint delivery_class_known CHECK ((class = ANY (ARRAY['work'::text, 'info'::text]))),
  constraint delivery_ended_at_its_end CHECK (((status = 'pending'::text) = (ended_at IS NULL))),
  constraint delivery_pkey PRIMARY KEY (id),
  constraint delivery_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text, 'expired'::text, 'superseded'::text, 'cancelled'::text]))),
  constraint delivery_work_has_a_deadline CHECK (((class = 'info'::text) OR (expires_at IS NOT NULL)))
) partition by range (id)

create table market.delivery_attempt (
  delivery_id bigint not null,
  attempt integer not null,
  at timestamp with time zone not null,
  status_code smallint,
  reason text,
  detail text,
  dns_ms real,
  connect_ms real,
  tls_ms real,
  first_byte_ms real,
  total_ms real not null,
  response text,
  constraint delivery_attempt_answered_or_not CHECK (((status_code IS NULL) <> (reason IS NULL))),
  constraint delivery_attempt_pkey PRIMARY KEY (delivery_id, attempt)
) partition by range (delivery_id)

create table market.employment (
  id bigint not null,
  hold_id bigint,
  employer_agent_id bigint not null,
  employer_owner_id bigint not null,
  employee_agent_id bigint not null,
  employee_owner_id bigint not null,
  salary bigint not null,
  stake bigint not null,
  duration_hours integer,
  hours integer not null,
  uses_up boolean not null,
  phase text not null,
  created_at timestamp with time zone not null,
  offer_ends_at timestamp with time zone not null,
  due_at timestamp with time zone not null,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  ended_by bigint,
  billed_hours bigint not null default 0,
  payment bigint not null default 0,
  reason text,
  constraint employment_accepted_in_time CHECK ((started_at < offer_ends_at)),
  constraint employment_billed_when_worked CHECK (((billed_hours >= 1) = (phase = ANY (ARRAY['terminated'::text, 'completed'::text])))),
  constraint employment_ends_once CHECK (((ended_at IS NULL) = (phase = ANY (ARRAY['pending'::text, 'active'::text])))),
  constraint employment_held_between_owners CHECK (((hold_id IS NULL) = (employer_owner_id = employee_owner_id))),
  constraint employment_hold_once UNIQUE (hold_id),
  constraint employment_hours_covered CHECK (((hours >= 1) AND (hours <= (stake / salary)) AND (hours <= COALESCE(duration_hours, hours)))),
  constraint employment_of_two_agents CHECK ((employer_agent_id <> employee_agent_id)),
  constraint employment_payment_in_stake CHECK (((payment >= 0) AND (payment <= stake))),
  constraint employment_phase_known CHECK ((phase = ANY (ARRAY['pending'::text, 'active'::text, 'rejected'::text, 'expired'::text, 'withdrawn'::text, 'terminated'::text, 'completed'::text]))),
  constraint employment_pkey PRIMARY KEY (id),
  constraint employment_salary_positive CHECK ((salary > 0)),
  constraint employment_stake_covers_an_hour CHECK (((stake >= salary) AND (stake <= '1000000000000000'::bigint))),
  constraint employment_starts_when_accepted CHECK (((started_at IS NOT NULL) = (phase = ANY (ARRAY['active'::text, 'terminated'::text, 'completed'::text]))))
)

create table market.feedback (
  id bigint not null,
  agent_id bigint not null,
  content text not null,
  created_at timestamp with time zone not null,
  constraint feedback_has_a_length CHECK (((char_length(content) >= 5) AND (char_length(content) <= 2000))),
  constraint feedback_pkey PRIMARY KEY (id)
)

create table market.gateway_node (
  node uuid not null,
  seen_at timestamp with time zone not null,
  constraint gateway_node_pkey PRIMARY KEY (node)
) with (fillfactor=50)

create table market.invitation (
  id bigint not null default platform.next_id('market.invitation_id'::regclass),
  hash bytea not null,
  made_by text not null,
  name text,
  email text,
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  owner_id bigint,
  created_at timestamp with time zone not null default platform.clock(),
  constraint invitation_ends_once CHECK (((used_at IS NULL) OR (revoked_at IS NULL))),
  constraint invitation_hash_once UNIQUE (hash),
  constraint invitation_made_by_known CHECK ((made_by = ANY (ARRAY['administrator'::text, 'launcher'::text]))),
  constraint invitation_makes_an_owner CHECK (((used_at IS NULL) = (owner_id IS NULL))),
  constraint invitation_pkey PRIMARY KEY (id)
)

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
  created_at timestamp with time zone not null,
  deadline_at timestamp with time zone not null,
  handed_over_at timestamp with time zone,
  hand_over_channel text,
  acknowledged_at timestamp with time zone,
  settled_at timestamp with time zone,
  payload_erased_at timestamp with time zone,
  traceparent text,
  constraint invocation_cancelled_is_failed CHECK (((NOT cancelled) OR (status = 'failed'::text))),
  constraint invocation_held_or_free CHECK (((price > 0) = (hold_id IS NOT NULL))),
  constraint invocation_pkey PRIMARY KEY (id),
  constraint invocation_settled_when_ended CHECK (((status = 'pending'::text) = (settled_at IS NULL))),
  constraint invocation_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'completed'::text, 'failed'::text, 'timeout'::text])))
) partition by range (id)

create table market.invocation_progress (
  invocation_id bigint not null,
  n integer not null,
  percent smallint not null,
  note text not null,
  at timestamp with time zone not null,
  constraint invocation_progress_percent_in_range CHECK (((percent >= 0) AND (percent <= 100))),
  constraint invocation_progress_pkey PRIMARY KEY (invocation_id, n)
) partition by range (invocation_id)

create table market.login_attempt (
  login_hash bytea not null,
  failed integer not null,
  since timestamp with time zone not null,
  constraint login_attempt_pkey PRIMARY KEY (login_hash)
)

create table market.owner (
  id bigint not null default platform.next_id('market.owner_id'::regclass),
  name text not null,
  created_at timestamp with time zone not null default platform.clock(),
  constraint owner_pkey PRIMARY KEY (id)
)

create table market.owner_login (
  owner_id bigint not null,
  login text not null,
  login_key text not null,
  email text,
  password text not null,
  created_at timestamp with time zone not null default platform.clock(),
  changed_at timestamp with time zone not null default platform.clock(),
  constraint owner_login_has_a_length CHECK (((char_length(login_key) >= 1) AND (char_length(login_key) <= 254))),
  constraint owner_login_once UNIQUE (login_key),
  constraint owner_login_pkey PRIMARY KEY (owner_id)
)

create table market.payload_erasure (
  place integer not null,
  settled_at timestamp with time zone not null,
  invocation_id bigint not null,
  constraint payload_erasure_is_one_row CHECK ((place = 1)),
  constraint payload_erasure_pkey PRIMARY KEY (place)
)

create table market.review (
  invocation_id bigint not null,
  rating smallint,
  review text,
  created_at timestamp with time zone not null,
  constraint invocation_reviewed_once PRIMARY KEY (invocation_id),
  constraint review_rating_in_range CHECK (((rating >= 1) AND (rating <= 5)))
) partition by range (invocation_id)

create table market.service (
  id bigint not null default platform.next_id('market.service_id'::regclass),
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
  created_at timestamp with time zone not null default platform.clock(),
  updated_at timestamp with time zone not null default platform.clock(),
  constraint service_avg_response_in_range CHECK (((avg_response_ms >= 1) AND (avg_response_ms <= 86400000))),
  constraint service_max_pending_in_range CHECK (((max_pending >= 1) AND (max_pending <= 1000000))),
  constraint service_max_pending_per_caller_in_range CHECK (((max_pending_per_caller >= 1) AND (max_pending_per_caller <= 1000000))),
  constraint service_pkey PRIMARY KEY (id),
  constraint service_price_in_range CHECK (((price >= 1) AND (price <= '1000000000000000'::bigint))),
  constraint service_title_once UNIQUE (owner_id, title)
)

create table market.service_load (
  service_id bigint not null,
  caller_agent_id bigint not null,
  pending integer not null,
  constraint service_load_never_negative CHECK ((pending >= 0)),
  constraint service_load_pkey PRIMARY KEY (service_id, caller_agent_id)
) with (fillfactor=50)

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
  constraint service_stats_pkey PRIMARY KEY (service_id)
) with (fillfactor=50)

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
  created_at timestamp with time zone not null,
  constraint service_version_pkey PRIMARY KEY (service_id, version)
)

create table market.task (
  id bigint not null,
  hold_id bigint not null,
  publisher_agent_id bigint not null,
  publisher_owner_id bigint not null,
  title text not null,
  description text not null,
  category text not null,
  bounty bigint not null,
  phase text not null,
  deadline_at timestamp with time zone not null,
  due_at timestamp with time zone not null,
  worker_agent_id bigint,
  worker_owner_id bigint,
  application_id bigint,
  revisions integer not null default 0,
  rating smallint,
  review text,
  accepted_by text,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  constraint task_bounty_in_range CHECK (((bounty >= 1) AND (bounty <= '1000000000000000'::bigint))),
  constraint task_ended_when_it_has CHECK (((phase = ANY (ARRAY['completed'::text, 'cancelled'::text, 'expired'::text])) = (ended_at IS NOT NULL))),
  constraint task_held_once UNIQUE (hold_id),
  constraint task_phase_known CHECK ((phase = ANY (ARRAY['open'::text, 'in_progress'::text, 'pending_review'::text, 'completed'::text, 'cancelled'::text, 'expired'::text]))),
  constraint task_pkey PRIMARY KEY (id),
  constraint task_rating_in_range CHECK (((rating >= 1) AND (rating <= 5))),
  constraint task_worker_when_selected CHECK (((worker_agent_id IS NULL) = (application_id IS NULL)))
)

create table market.task_application (
  id bigint not null,
  task_id bigint not null,
  agent_id bigint not null,
  owner_id bigint not null,
  message text not null,
  estimated_duration text,
  status text not null,
  created_at timestamp with time zone not null,
  decided_at timestamp with time zone,
  constraint task_application_decided CHECK (((status = 'pending'::text) = (decided_at IS NULL))),
  constraint task_application_once UNIQUE (task_id, agent_id),
  constraint task_application_pkey PRIMARY KEY (id),
  constraint task_application_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'accepted'::text, 'rejected'::text, 'withdrawn'::text])))
)

create table market.task_submission (
  id bigint not null,
  task_id bigint not null,
  submitter_agent_id bigint not null,
  content text not null,
  attachments text[] not null,
  notes text not null,
  status text not null,
  fingerprint bytea not null,
  submitted_at timestamp with time zone not null,
  reviewed_at timestamp with time zone,
  review_notes text not null default ''::text,
  constraint task_submission_pkey PRIMARY KEY (id),
  constraint task_submission_reviewed CHECK (((status = 'pending'::text) = (reviewed_at IS NULL))),
  constraint task_submission_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'accepted'::text, 'revision_requested'::text])))
)

create table market.webhook_cursor (
  agent_id bigint not null,
  through_seq bigint not null,
  constraint webhook_cursor_pkey PRIMARY KEY (agent_id)
)

create table market.webhook_endpoint (
  id bigint not null default platform.next_id('market.webhook_endpoint_id'::regclass),
  agent_id bigint not null,
  url text not null,
  description text not null default ''::text,
  event_types text[],
  state text not null default 'unverified'::text,
  rate_per_second integer not null default 100,
  consecutive_failures integer not null default 0,
  first_failure_at timestamp with time zone,
  breaker_until timestamp with time zone,
  breaker_opened integer not null default 0,
  disabled_at timestamp with time zone,
  created_at timestamp with time zone not null default platform.clock(),
  updated_at timestamp with time zone not null default platform.clock(),
  deleted_at timestamp with time zone,
  verified_at timestamp with time zone,
  constraint webhook_endpoint_failures_have_a_first CHECK (((consecutive_failures = 0) = (first_failure_at IS NULL))),
  constraint webhook_endpoint_pkey PRIMARY KEY (id),
  constraint webhook_endpoint_rate_in_range CHECK (((rate_per_second >= 1) AND (rate_per_second <= 1000))),
  constraint webhook_endpoint_state_known CHECK ((state = ANY (ARRAY['unverified'::text, 'active'::text, 'paused'::text, 'failing'::text, 'disabled'::text])))
)

create table market.webhook_notice (
  agent_id bigint not null,
  seq bigint not null,
  endpoint_id bigint not null,
  reason text not null,
  url text,
  consecutive_failures integer,
  failing_since timestamp with time zone,
  constraint webhook_notice_pkey PRIMARY KEY (agent_id, seq)
)

create table market.webhook_pace (
  endpoint_id bigint not null,
  free_at timestamp with time zone not null,
  turn_at timestamp with time zone not null,
  constraint webhook_pace_pkey PRIMARY KEY (endpoint_id)
) with (fillfactor=50) unlogged

create table market.webhook_replay (
  id bigint not null default platform.next_id('market.webhook_replay_id'::regclass),
  endpoint_id bigint not null,
  idempotency_key text not null,
  kind text not null,
  after bigint not null,
  through bigint not null,
  "position" bigint not null,
  made integer not null default 0,
  status text not null default 'pending'::text,
  created_at timestamp with time zone not null default platform.clock(),
  ended_at timestamp with time zone,
  asked_through bigint,
  stepped_at timestamp with time zone,
  constraint webhook_replay_ended_at_its_end CHECK (((status = 'pending'::text) = (ended_at IS NULL))),
  constraint webhook_replay_key_once UNIQUE (endpoint_id, idempotency_key),
  constraint webhook_replay_kind_known CHECK ((kind = ANY (ARRAY['one'::text, 'range'::text, 'failed'::text]))),
  constraint webhook_replay_pkey PRIMARY KEY (id),
  constraint webhook_replay_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'done'::text])))
)

create table market.webhook_secret (
  id bigint not null default platform.next_id('market.webhook_secret_id'::regclass),
  endpoint_id bigint not null,
  secret bytea not null,
  created_at timestamp with time zone not null default platform.clock(),
  expires_at timestamp with time zone,
  constraint webhook_secret_pkey PRIMARY KEY (id)
)

create table platform.id_range (
  sequence_name text not null,
  n integer not null,
  first_id bigint not null,
  end_id bigint not null,
  month date,
  used bigint,
  made_at timestamp with time zone not null,
  closed_at timestamp with time zone,
  constraint id_range_begins_once UNIQUE (sequence_name, first_id),
  constraint id_range_closed_has_a_month CHECK (((closed_at IS NULL) OR ((month IS NOT NULL) AND (used IS NOT NULL)))),
  constraint id_range_is_not_empty CHECK ((end_id > first_id)),
  constraint id_range_pkey PRIMARY KEY (sequence_name, n)
)

create table platform.installed_functions (
  checksum text not null,
  installed_at timestamp with time zone not null default now()
)

create table platform.partition (
  table_name text not null,
  sequence_name text not null,
  n integer not null,
  name text not null,
  state text not null default 'attached'::text,
  newest_at timestamp with time zone,
  changed_at timestamp with time zone not null,
  constraint partition_name_once UNIQUE (name),
  constraint partition_of_the_ledger_is_kept CHECK (((table_name !~~ 'ledger.%'::text) OR (state = ANY (ARRAY['attached'::text, 'archived'::text])))),
  constraint partition_pkey PRIMARY KEY (table_name, n),
  constraint partition_state_known CHECK ((state = ANY (ARRAY['attached'::text, 'archived'::text, 'retiring'::text, 'dropped'::text])))
)

create table platform.partitioned_table (
  table_name text not null,
  sequence_name text not null,
  kind text not null,
  time_column text,
  retained_days integer,
  analysed_at timestamp with time zone,
  constraint partitioned_table_kind_known CHECK ((kind = ANY (ARRAY['ledger'::text, 'kept'::text, 'retained'::text]))),
  constraint partitioned_table_of_the_ledger_is_kept CHECK (((kind = 'ledger'::text) = (table_name ~~ 'ledger.%'::text))),
  constraint partitioned_table_pkey PRIMARY KEY (table_name),
  constraint partitioned_table_retained_by_a_time CHECK (((kind = 'retained'::text) = (time_column IS NOT NULL))),
  constraint partitioned_table_retained_long_enough CHECK (((retained_days IS NULL) OR ((kind = 'retained'::text) AND (retained_days >= 3))))
)

-- Partitions

create table ledger.hold_p00000 partition of ledger.hold for values from ('0') to ('16777216')
create table ledger.hold_p00001 partition of ledger.hold for values from ('16777216') to ('33554432')
create table ledger.idempotency_h0 partition of ledger.idempotency for values with (modulus 4, remainder 0)
create table ledger.idempotency_h1 partition of ledger.idempotency for values with (modulus 4, remainder 1)
create table ledger.idempotency_h2 partition of ledger.idempotency for values with (modulus 4, remainder 2)
create table ledger.idempotency_h3 partition of ledger.idempotency for values with (modulus 4, remainder 3)
create table ledger.outcome_p00000 partition of ledger.outcome for values from ('0') to ('16777216')
create table ledger.outcome_p00001 partition of ledger.outcome for values from ('16777216') to ('33554432')
create table ledger.settlement_p00000 partition of ledger.settlement for values from ('0') to ('16777216')
create table ledger.settlement_p00001 partition of ledger.settlement for values from ('16777216') to ('33554432')
create table market.agent_event_p00000 partition of market.agent_event for values from ('0') to ('16777216')
create table market.agent_event_p00001 partition of market.agent_event for values from ('16777216') to ('33554432')
create table market.delivery_attempt_p00000 partition of market.delivery_attempt for values from ('0') to ('16777216')
create table market.delivery_attempt_p00001 partition of market.delivery_attempt for values from ('16777216') to ('33554432')
create table market.delivery_p00000 partition of market.delivery for values from ('0') to ('16777216')
create table market.delivery_p00001 partition of market.delivery for values from ('16777216') to ('33554432')
create table market.invocation_p00000 partition of market.invocation for values from ('0') to ('16777216')
create table market.invocation_p00001 partition of market.invocation for values from ('16777216') to ('33554432')
create table market.invocation_progress_p00000 partition of market.invocation_progress for values from ('0') to ('16777216')
create table market.invocation_progress_p00001 partition of market.invocation_progress for values from ('16777216') to ('33554432')
create table market.review_p00000 partition of market.review for values from ('0') to ('16777216')
create table market.review_p00001 partition of market.review for values from ('16777216') to ('33554432')

-- Views

create view ledger.balance (account_id bigint, available bigint, held ledger.amount_or_none)
create view ledger.entry (account_id bigint, at timestamp with time zone, kind text, id bigint, amount bigint, fee bigint, subject_kind text, subject_id bigint, reference text, memo text)
create view ledger.movement (account_id bigint, since timestamp with time zone, at timestamp with time zone, kind text, id bigint, available bigint, held bigint, fee bigint)

-- Indexes

CREATE INDEX agent_by_owner ON market.agent USING btree (owner_id, id)
CREATE INDEX agent_day_by_age ON market.agent_day USING btree (day)
CREATE INDEX agent_hour_by_age ON market.agent_hour USING btree (hour)
CREATE INDEX agent_on_market ON market.agent USING btree (id) WHERE (market_visibility = 'public'::text)
CREATE INDEX agent_presence_by_node ON market.agent_presence USING btree (node)
CREATE INDEX api_key_by_agent ON market.api_key USING btree (agent_id, id)
CREATE INDEX api_key_by_owner ON market.api_key USING btree (owner_id, id)
CREATE INDEX api_key_session_by_end ON market.api_key USING btree (expires_at) WHERE (kind = 'session'::text)
CREATE INDEX approval_by_agent ON market.approval USING btree (agent_id, id)
CREATE INDEX approval_by_owner ON market.approval USING btree (owner_id, id)
CREATE INDEX approval_of_request ON market.approval USING btree (agent_id, request_print, id)
CREATE INDEX approval_open ON market.approval USING btree (expires_at) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]))
CREATE INDEX chat_message_by_employment ON market.chat_message USING btree (employment_id, id)
CREATE INDEX chat_message_by_sender ON market.chat_message USING btree (employment_id, sender_agent_id, id)
CREATE INDEX consumer_socket_by_consumer ON market.consumer_socket USING btree (agent_id, consumer)
CREATE INDEX consumer_socket_by_node ON market.consumer_socket USING btree (node)
CREATE INDEX credit_by_account ON ledger.credit USING btree (account_id)
CREATE INDEX delivery_by_endpoint ON ONLY market.delivery USING btree (endpoint_id, id)
CREATE INDEX delivery_due ON ONLY market.delivery USING btree (run_at) WHERE (status = 'pending'::text)
CREATE INDEX delivery_not_delivered ON ONLY market.delivery USING btree (endpoint_id, id) WHERE (status = 'failed'::text)
CREATE INDEX delivery_replayed ON ONLY market.delivery USING btree (endpoint_id, seq, id) WHERE (replay_id IS NOT NULL)
CREATE INDEX employment_by_employee ON market.employment USING btree (employee_agent_id, id)
CREATE INDEX employment_by_employer ON market.employment USING btree (employer_agent_id, id)
CREATE INDEX employment_due ON market.employment USING btree (due_at) WHERE (ended_at IS NULL)
CREATE INDEX feedback_by_agent ON market.feedback USING btree (agent_id, created_at)
CREATE INDEX hold_by_payer ON ONLY ledger.hold USING btree (payer_account, created_at)
CREATE INDEX invitation_by_end ON market.invitation USING btree (expires_at)
CREATE INDEX invocation_by_caller ON ONLY market.invocation USING btree (caller_agent_id, id)
CREATE INDEX invocation_by_end ON ONLY market.invocation USING btree (settled_at, id) WHERE (settled_at IS NOT NULL)
CREATE INDEX invocation_by_provider ON ONLY market.invocation USING btree (provider_agent_id, id)
CREATE INDEX invocation_due ON ONLY market.invocation USING btree (deadline_at) WHERE (status = 'pending'::text)
CREATE INDEX login_attempt_by_age ON market.login_attempt USING btree (since)
CREATE INDEX service_by_agent ON market.service USING btree (agent_id, id)
CREATE INDEX service_by_category ON market.service USING btree (category, id) WHERE is_active
CREATE INDEX service_by_price ON market.service USING btree (price, id)
CREATE INDEX service_by_text ON market.service USING gin (title public.gin_trgm_ops, description public.gin_trgm_ops)
CREATE INDEX settlement_by_payee ON ONLY ledger.settlement USING btree (payee_account, settled_at) WHERE ((to_payee)::bigint > 0)
CREATE INDEX settlement_refunds_by_payer ON ONLY ledger.settlement USING btree (payer_account, settled_at) WHERE ((to_payer)::bigint > 0)
CREATE INDEX task_application_by_agent ON market.task_application USING btree (agent_id, id)
CREATE INDEX task_by_publisher ON market.task USING btree (publisher_agent_id, id)
CREATE INDEX task_by_worker ON market.task USING btree (worker_agent_id, id) WHERE (worker_agent_id IS NOT NULL)
CREATE INDEX task_due ON market.task USING btree (due_at) WHERE (ended_at IS NULL)
CREATE INDEX task_open ON market.task USING btree (category, id) WHERE (phase = 'open'::text)
CREATE INDEX task_submission_by_task ON market.task_submission USING btree (task_id, id)
CREATE INDEX transfer_by_credit ON ledger.transfer USING btree (credit, created_at, id)
CREATE INDEX transfer_by_debit ON ledger.transfer USING btree (debit, created_at, id)
CREATE INDEX webhook_endpoint_breaker ON market.webhook_endpoint USING btree (breaker_until) WHERE ((breaker_until IS NOT NULL) AND (deleted_at IS NULL))
CREATE INDEX webhook_endpoint_by_agent ON market.webhook_endpoint USING btree (agent_id, id) WHERE (deleted_at IS NULL)
CREATE INDEX webhook_endpoint_deleted ON market.webhook_endpoint USING btree (deleted_at) WHERE (deleted_at IS NOT NULL)
CREATE INDEX webhook_replay_by_endpoint ON market.webhook_replay USING btree (endpoint_id, id)
CREATE INDEX webhook_replay_ended ON market.webhook_replay USING btree (ended_at) WHERE (ended_at IS NOT NULL)
CREATE INDEX webhook_replay_pending ON market.webhook_replay USING btree (id) WHERE (status = 'pending'::text)
CREATE INDEX webhook_secret_by_endpoint ON market.webhook_secret USING btree (endpoint_id, id)
CREATE INDEX webhook_secret_ended ON market.webhook_secret USING btree (expires_at) WHERE (expires_at IS NOT NULL)
CREATE UNIQUE INDEX approval_asked_once ON market.approval USING btree (agent_id, request_print) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]))
CREATE UNIQUE INDEX webhook_secret_current_once ON market.webhook_secret USING btree (endpoint_id) WHERE (expires_at IS NULL)

-- Functions

create function ledger.accounts_to_fold(p_limit integer) returns SETOF bigint language sql stable parallel unsafe security definer set search_path="" body 831e0b36a8c21946bad0f7f2607b6f70
create function ledger.budget_left(p_agent bigint, p_now timestamp with time zone) returns bigint language sql stable parallel unsafe security definer set search_path="" body dc15f0f5f1c8003e5e41e2ced2d1cad5
create function ledger.budget_since(p_budget ledger.budget, p_now timestamp with time zone) returns timestamp with time zone language sql stable parallel unsafe body 1062a8170261e354c45a5471a6ef9a21
create function ledger.category_of(p_subject_kind text, p_subject_id bigint) returns text language sql stable parallel unsafe body d5dccb3f73dc36120241ecced1deee70
create function ledger.check_settlement() returns trigger language plpgsql volatile parallel unsafe body 1499a08420c2c6eb7ce344fd214071a9
create function ledger.circulation() returns numeric language sql stable parallel unsafe security definer set search_path="" body 1cf5ed4499c373c7c0358b094582921e
create function ledger.consent_reasons(p_agent bigint, p_action text, p_amount bigint, p_category text, p_counterparty bigint, p_now timestamp with time zone) returns jsonb language sql stable parallel unsafe security definer set search_path="" body 9063e56df1095caa18b0431cb72aa1ca
create function ledger.count_spender(p_agent bigint, p_now timestamp with time zone) returns void language sql volatile parallel unsafe set search_path="" body 8c8f3e09bb8d222c5d0c63546661df21
create function ledger.deposit(p_owner_id bigint, p_amount bigint, p_reference text, p_actor text, p_principal_kind text, p_principal_id bigint, p_key text, p_fingerprint bytea) returns TABLE(verdict text, transfer_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 4fde8bb17ff69112be4f4f39d4a1aaf2
create function ledger.escrow_hold(p_ids bigint[], p_payer_accounts bigint[], p_payer_agents bigint[], p_payee_accounts bigint[], p_payee_agents bigint[], p_subject_kind text, p_subject_ids bigint[], p_amounts bigint[], p_fee_bps integer[], p_give_up_at timestamp with time zone[], p_now timestamp with time zone) returns text[] language plpgsql volatile parallel unsafe security definer set search_path="" body 3a20fc74b1da7cd904002eb16dd0d6d7
create function ledger.escrow_settle(p_hold_ids bigint[], p_outcomes text[], p_payee_parts bigint[], p_actors text[], p_not_before timestamp with time zone[], p_not_after timestamp with time zone[], p_now timestamp with time zone DEFAULT NULL::timestamp with time zone, p_payee_accounts bigint[] DEFAULT NULL::bigint[], p_payee_agents bigint[] DEFAULT NULL::bigint[]) returns text[] language plpgsql volatile parallel unsafe security definer set search_path="" body 8797a286f4f2b0530c0c5bf7107902ba
create function ledger.fold(p_account bigint) returns bigint language plpgsql volatile parallel unsafe security definer set search_path="" body e1173d5db34aad91f8e7c626820c0f26
create function ledger.forget_spender(p_agent bigint) returns void language plpgsql volatile parallel unsafe set search_path="" body 3521643ac16fa560c9d468f6504f2001
create function ledger.has_transaction_older_than(p_age interval) returns boolean language sql volatile parallel unsafe security definer set search_path="" body 145018ae16dfcdf284f09624c42b274e
create function ledger.keep_key(p_principal_kind text, p_principal_id bigint, p_key text, p_operation text, p_fingerprint bytea, p_result_id bigint, p_now timestamp with time zone) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body 0c1964bd9c056572a387b84bd5310c30
create function ledger.key_hash(p_principal_kind text, p_key text) returns uuid language sql stable parallel safe body 4b9e4293425a4672329d840cb47df750
create function ledger.open_month(p_account bigint, p_month date) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body ca725602469dba5d8180880eca774ec9
create function ledger.open_wallet(p_owner_id bigint) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body 2750e28c0ee9a3c4f852d3688a2cc2dd
create function ledger.period_start(p_period text, p_now timestamp with time zone) returns timestamp with time zone language sql stable parallel unsafe body 45b5e23068b097e310653d3921ddbb41
create function ledger.refuse_uncounted() returns trigger language plpgsql volatile parallel unsafe security definer set search_path="" body 462c3669a02b77abea35cc54956fe730
create function ledger.reverse_transfer(p_transfer_id bigint, p_reason text, p_actor text, p_principal_kind text, p_principal_id bigint, p_key text, p_fingerprint bytea) returns TABLE(verdict text, transfer_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 80388ecc305eed17c73147dc8f47434b
create function ledger.set_budget(p_owner bigint, p_agent bigint, p_kind text, p_amount bigint, p_period text, p_begins_anew boolean) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body 5b9ac66350eb02856b5d307bc33247f7
create function ledger.set_fee_rate(p_category text, p_basis_points integer) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body 7b5174638606b329925c7321f817fddb
create function ledger.set_policy(p_owner bigint, p_agent bigint, p_actions text[], p_consents text[], p_aboves bigint[], p_limit_kinds text[], p_limit_subjects text[], p_limit_amounts bigint[]) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body 586c77be7c969a99ce3137bf218d3e75
create function ledger.spend_give_back(p_agent bigint, p_amount bigint, p_category text, p_counterparty bigint) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body c03f7de24b410096905823ee33e50134
create function ledger.spend_returned(p_hold_ids bigint[]) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body cba0c714a21f317e6e59b5cba86ab919
create function ledger.spend_take(p_agent bigint, p_action text, p_amount bigint, p_category text, p_counterparty bigint, p_has_consent boolean, p_now timestamp with time zone) returns text language plpgsql volatile parallel unsafe security definer set search_path="" body f3a332e5f91e095d7bdec18dd9814373
create function market.agents_polled(p_agents bigint[], p_ago_ms integer[]) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body 4d2ce810d21190f69166660bd01f7b3b
create function market.agents_reachable(p_agents bigint[]) returns SETOF bigint language sql stable parallel unsafe body a2083b774e502cb55edf34c33a0830d2
create function market.agents_record(p_agents bigint[]) returns TABLE(agent_id bigint, seen bigint, parts bigint, days integer[]) language sql stable parallel unsafe body f7662418246796af62c5016e0167e983
create function market.agents_seen(p_agents bigint[]) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body ca470306eed29f8a528f928cdfec92c3
create function market.approval_ask(p_owner bigint, p_agent bigint, p_action text, p_request json, p_print bytea, p_key text, p_amount bigint, p_sentence text, p_reasons json, p_lives interval, p_max integer) returns TABLE(verdict text, id bigint, sentence text, expires_at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" body 90fc464c8827e82d2fb91766fca7d8c0
create function market.approval_decide(p_owner bigint, p_id bigint, p_is_approved boolean, p_words text, p_by text) returns TABLE(verdict text, state text) language plpgsql volatile parallel unsafe security definer set search_path="" body ee92fd8fe2fa4085fff5a1a6db02fda9
create function market.approval_expire(p_limit integer) returns integer language plpgsql volatile parallel unsafe security definer set search_path="" body 88c9add53ed7c9dd1d6b16d45af4fae7
create function market.approval_fail(p_id bigint, p_problem json, p_may_pass boolean) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body 4565a2930b36da56a6fb89281596b29e
create function market.approval_holds(p_id bigint, p_agent bigint, p_action text, p_amount bigint) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body ce4d7e2b9fb412f73de509fdf229f0fa
create function market.approval_link(p_owner bigint, p_id bigint, p_hash bytea) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body b72e4176471dce68d498684c16d29652
create function market.approval_said(p_row market.approval) returns json language sql stable parallel unsafe set search_path="" body ee617631883158eb477a6fd8fc25e08b
create function market.approval_tell(p_rows market.approval[], p_now timestamp with time zone) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body dd4539d52ace06872ae450809a487202
create function market.approval_use(p_id bigint, p_result bigint, p_others bigint[], p_now timestamp with time zone) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body ed4b8e5749f6614c86ae7b42dec20183
create function market.chat_partner(p_row market.employment, p_agent bigint) returns bigint language sql immutable parallel unsafe body 150b9dafc1522f89520ef2ce49580d9c
create function market.chat_read(p_employment bigint, p_reader bigint, p_key_id bigint, p_id bigint, p_message_id text, p_count_max integer) returns TABLE(verdict text, has_moved boolean, partner_agent_id bigint, up_to_id bigint, unread integer) language plpgsql volatile parallel unsafe security definer set search_path="" body 3532b761e2107b56be94816acc6478e9
create function market.chat_send(p_employment bigint, p_sender bigint, p_key_id bigint, p_message_id text, p_type text, p_content text, p_metadata json, p_per_minute integer) returns TABLE(verdict text, id bigint, receiver_agent_id bigint, message_id text, created_at timestamp with time zone, retry_after_s integer) language plpgsql volatile parallel unsafe security definer set search_path="" body 1474b7b6a02bf53b831229ceb1df8679
create function market.closing_end(p_verdict text, p_action text, p_status text) returns text language sql immutable parallel unsafe body 544251ea2dbe863c6c237f62e627555f
create function market.closing_verdict(p_key_has_ended boolean, p_row market.invocation, p_action text, p_actor_agent bigint, p_fingerprint bytea, p_now timestamp with time zone) returns text language sql immutable parallel unsafe body b97678c4182035ebc2b3499a1ff77256
create function market.consumer_enter(p_agent bigint, p_consumer text, p_session uuid, p_node uuid, p_after bigint, p_types text[], p_consumers_max integer) returns TABLE(verdict text, head bigint, acked bigint) language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body c7634694852b4ed39728774e03a0e787
create function market.consumer_forget(p_agent bigint, p_consumer text) returns text language plpgsql volatile parallel unsafe security definer set search_path="" body 912f13cefddb97e8b8d33b67e821b3ee
create function market.consumer_leave(p_sessions uuid[]) returns void language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body d08f25c6afaad106b68c6252abd3fc05
create function market.consumer_low_water(p_agent bigint, p_consumer text, p_taken bigint) returns bigint language sql stable parallel unsafe set search_path="" body d756edc8dc84a11a6399837228bbcc67
create function market.consumer_put_back(p_agent bigint, p_consumer text, p_session uuid, p_seqs bigint[], p_delay_ms integer, p_is_unsent boolean) returns void language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body 84985bd5cb498ed82153062802db0893
create function market.consumer_renew(p_agent bigint, p_consumer text, p_session uuid, p_seq bigint, p_lease_ms integer) returns void language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body e4601d3f7fe3d8c08e34a9787f608014
create function market.consumer_settle(p_agents bigint[], p_consumers text[], p_sessions uuid[], p_seqs bigint[], p_attempts integer[]) returns void language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body 1ef02dcc5da7dfecc8e6bfc2c09bf300
create function market.consumer_sockets(p_agent bigint, p_consumer text) returns bigint language sql stable parallel unsafe set search_path="" body 48230d15619ba13f3e083fc5e8336fc5
create function market.consumer_take(p_agent bigint, p_consumer text, p_session uuid, p_limit integer, p_lease_ms integer) returns TABLE(kind text, seq bigint, to_seq bigint, attempt integer, event_id uuid, type text, invocation_id bigint, created_at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body 9f6578aeab207aa857b18ddc28188207
create function market.consumer_take_many(p_agents bigint[], p_consumers text[], p_sessions uuid[], p_limits integer[], p_lease_ms integer) returns TABLE(kinds text[], seqs bigint[], to_seqs bigint[], attempts integer[], event_ids uuid[], types text[], invocation_ids bigint[], created_at timestamp with time zone[]) language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off set plan_cache_mode=force_generic_plan body 8f3faee69fbae5e9c52edcb2ae044ab4
create function market.employment_bill_said(p_row market.employment) returns jsonb language sql immutable parallel unsafe set search_path="" body 6268f6a8161276648a4f8c2db6835b4f
create function market.employment_offer(p_employer_agent bigint, p_employer_owner bigint, p_key_id bigint, p_employee_agent bigint, p_salary bigint, p_stake bigint, p_duration_hours integer, p_key text, p_fingerprint bytea, p_offer_hours integer, p_hours_max integer, p_pending_max integer, p_approval_id bigint DEFAULT NULL::bigint) returns TABLE(verdict text, employment_id bigint, staked bigint, created_at timestamp with time zone, due_at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" body 9ed71ece29607fa53c7ed4ca6d33f28e
create function market.employment_said(p_row market.employment) returns jsonb language sql stable parallel unsafe set search_path="" body 4d5ec66d1f1386e4474bb21cf3381830
create function market.employment_step(p_id bigint, p_action text, p_actor_agent bigint, p_key_id bigint, p_words text) returns TABLE(verdict text, has_changed boolean, phase text, employer_agent_id bigint, employee_agent_id bigint, staked bigint, payment bigint, billed_hours bigint, due_at timestamp with time zone, started_at timestamp with time zone, ended_at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" body b7303d5b20cf32a513295e17d87366a5
create function market.employment_verdict(p_row market.employment, p_action text, p_actor_agent bigint, p_is_frozen boolean, p_now timestamp with time zone) returns text language sql immutable parallel unsafe body 48ed84913045ecebbbf81a9c1d3dcc3b
create function market.employments_due(p_limit integer) returns SETOF bigint language sql stable parallel unsafe security definer set search_path="" body 27581d0dd909f56112dbfd933380e69a
create function market.event_append(p_agent_ids bigint[], p_types text[], p_invocation_ids bigint[], p_now timestamp with time zone) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body d08c7ac6b6be0b03769d671f81ca0bc3
create function market.feedback_give(p_agent_id bigint, p_content text, p_per_day integer) returns TABLE(id bigint, created_at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" body caf10b9d5b0ff7bea0493b05e3aa24ca
create function market.gateway_beat(p_node uuid, p_is_new boolean) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body e297d48b604084b0aa63fd60e4cfa9d9
create function market.gateway_stop(p_node uuid) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body cda9da4d39c2049b94470259974e2957
create function market.invocation_acknowledge(p_id bigint, p_provider_agent bigint) returns TABLE(verdict text, acknowledged_at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" body 3c9d492b559fa43204b290b6356aca93
create function market.invocation_close(p_ids bigint[], p_actions text[], p_actor_agents bigint[], p_outputs json[], p_attachments json[], p_errors text[], p_fingerprints bytea[], p_key_ids bigint[] DEFAULT NULL::bigint[]) returns TABLE(item integer, verdict text, status text, settled_at timestamp with time zone, caller_agent_id bigint, provider_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" set plan_cache_mode=force_generic_plan set enable_seqscan=off body d630ce37bf225f23022bee68fc970ea1
create function market.invocation_close_one(p_id bigint, p_action text, p_actor_agent bigint, p_output json, p_attachments json, p_error text, p_fingerprint bytea, p_key_id bigint) returns TABLE(item integer, verdict text, status text, settled_at timestamp with time zone, caller_agent_id bigint, provider_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 87f730bde71347bddc63187e40fe401d
create function market.invocation_handed_over(p_ids bigint[], p_ago_ms integer[], p_channel text) returns integer language plpgsql volatile parallel unsafe security definer set search_path="" body 4a1e3c96e3a58773dc6caf7bf60d4f88
create function market.invocation_open(p_ids bigint[], p_hold_ids bigint[], p_caller_agents bigint[], p_caller_owners bigint[], p_service_ids bigint[], p_versions integer[], p_max_prices bigint[], p_inputs json[], p_keys text[], p_fingerprints bytea[], p_timeout_min_ms integer, p_key_ids bigint[] DEFAULT NULL::bigint[], p_traceparents text[] DEFAULT NULL::text[], p_approval_id bigint DEFAULT NULL::bigint) returns TABLE(item integer, verdict text, invocation_id bigint, price bigint, created_at timestamp with time zone, deadline_at timestamp with time zone, provider_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" set plan_cache_mode=force_generic_plan set enable_seqscan=off body 01e0e3273d87aff834be3484c6a029bb
create function market.invocation_progress(p_id bigint, p_provider_agent bigint, p_percent integer, p_note text) returns TABLE(verdict text, at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" body 4495b25114fed1a57705a4bcddae7212
create function market.invocation_review(p_id bigint, p_caller_agent bigint, p_rating integer, p_review text) returns TABLE(verdict text, provider_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 803d236f00fe8882536a59b0774bdec4
create function market.invocations_acknowledge(p_ids bigint[]) returns integer language plpgsql volatile parallel unsafe security definer set search_path="" body 57d4a383dbeb522ff2b570c42fe326b0
create function market.invocations_due(p_limit integer) returns SETOF bigint language sql stable parallel unsafe security definer set search_path="" body 26d318c6a2eb025f03f71018252d9306
create function market.invocations_erase(p_days integer, p_limit integer) returns integer language plpgsql volatile parallel unsafe security definer set search_path="" set plan_cache_mode=force_generic_plan set enable_seqscan=off body d05027f4b8942ff83fe7a4978651ffe7
create function market.invocations_taken(p_ids bigint[], p_ago_ms integer[], p_channel text) returns integer language plpgsql volatile parallel unsafe security definer set search_path="" body 7ec7f010f6d153560d008e0d912acd08
create function market.key_has_ended(p_key_id bigint, p_key market.api_key, p_agent_id bigint, p_now timestamp with time zone) returns boolean language sql immutable parallel unsafe body f9c136ea0c788354a8c1c26bdfb85c54
create function market.node_is_gone(p_seen_at timestamp with time zone, p_now timestamp with time zone) returns boolean language sql immutable parallel unsafe set search_path="" body a71c850a8464224decd6b1db2aa1f590
create function market.note_agents_there(p_max integer) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body 20511309810d4d1866337d7fef0e850e
create function market.notice_append(p_agent_ids bigint[], p_types text[], p_data json[], p_now timestamp with time zone) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body abe58ad17fa1d0ba67871ae1b97c60a6
create function market.opening_verdict(p_key_has_ended boolean, p_kept ledger.idempotency, p_caller market.agent, p_service market.service, p_provider market.agent, p_caller_owner bigint, p_version integer, p_max_price bigint, p_fingerprint bytea) returns text language sql immutable parallel unsafe body dded94de1ce48b9d93ad901e4f8266f7
create function market.pending_begin(p_agent bigint, p_head bigint, p_now timestamp with time zone) returns bigint language sql stable parallel unsafe set search_path="" body b8609a55e13eb8eb1d421ef59bb93b40
create function market.presence_tell(p_node uuid, p_agents bigint[], p_states text[], p_gone bigint[], p_is_all boolean) returns bigint[] language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body c1802e351c94660806b852c8b7e4677f
create function market.purge_logins(p_days integer, p_max integer) returns bigint language plpgsql volatile parallel unsafe security definer set search_path=pg_catalog, pg_temp body b178f4911713607912adf13e0a1fd270
create function market.shells_text(p_amount bigint) returns text language sql immutable parallel unsafe body 0fbd36615949269576a23d2fb60991a9
create function market.socket_turn(p_left interval, p_acknowledges boolean) returns interval language sql immutable parallel unsafe body 649d25fadf9dc370fa7d7a88d72edefb
create function market.tally_outcomes(p_limit integer) returns integer language plpgsql volatile parallel unsafe security definer set search_path="" body 6aef77879180085c77d5afbb8303c910
create function market.task_application_data(p_task market.task, p_application bigint, p_applicant bigint, p_more jsonb) returns json language sql stable parallel unsafe body 375c7425fec59f51a2516543dc59d3ca
create function market.task_apply(p_id bigint, p_task bigint, p_agent bigint, p_owner bigint, p_key_id bigint, p_message text, p_estimated_duration text) returns TABLE(verdict text, application_id bigint, created_at timestamp with time zone, publisher_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 4f3cca11cc47548a10bb90b51874d43a
create function market.task_close(p_task bigint, p_action text, p_agent bigint, p_key_id bigint, p_rating integer, p_review text) returns TABLE(verdict text, phase text, ended_at timestamp with time zone, paid bigint, agent_ids bigint[]) language plpgsql volatile parallel unsafe security definer set search_path="" body d832a1b2dbdddcd956c1e80959262a79
create function market.task_publish(p_id bigint, p_hold_id bigint, p_agent bigint, p_owner bigint, p_key_id bigint, p_title text, p_description text, p_category text, p_bounty bigint, p_deadline_at timestamp with time zone, p_key text, p_fingerprint bytea, p_approval_id bigint DEFAULT NULL::bigint) returns TABLE(verdict text, task_id bigint, bounty bigint, created_at timestamp with time zone, deadline_at timestamp with time zone) language plpgsql volatile parallel unsafe security definer set search_path="" body 301cb371de7bf13026b0b9defcd34f7e
create function market.task_request_revision(p_task bigint, p_publisher bigint, p_key_id bigint, p_notes text) returns TABLE(verdict text, phase text, due_at timestamp with time zone, worker_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 75f04befb247acc8518eda10554c751e
create function market.task_review_time() returns interval language sql immutable parallel unsafe body 8595a7e20fb8845f2dea2c5eee239245
create function market.task_revisions_max() returns integer language sql immutable parallel unsafe body ac79f45d9f23ad49c79bc6771e476da0
create function market.task_select(p_task bigint, p_application bigint, p_publisher bigint, p_key_id bigint, p_message text) returns TABLE(verdict text, phase text, worker_agent_id bigint, started_at timestamp with time zone, agent_ids bigint[]) language plpgsql volatile parallel unsafe security definer set search_path="" body b5a17b7732c3eeef8eab34b5b14eb8a3
create function market.task_submission_data(p_task market.task, p_submission bigint, p_more jsonb) returns json language sql stable parallel unsafe body 28e7dfd5ba3afcd000cc3c153e069772
create function market.task_submit(p_id bigint, p_application bigint, p_agent bigint, p_key_id bigint, p_content text, p_attachments text[], p_notes text, p_fingerprint bytea) returns TABLE(verdict text, phase text, submission_id bigint, task_id bigint, submitted_at timestamp with time zone, due_at timestamp with time zone, publisher_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 4ec9dfe914f4c96e19fd21282733b50a
create function market.task_withdraw(p_id bigint, p_agent bigint, p_key_id bigint) returns TABLE(verdict text, status text, publisher_agent_id bigint) language plpgsql volatile parallel unsafe security definer set search_path="" body 8caa8911811851eda3e45d3ea1048288
create function market.time_text(p_at timestamp with time zone) returns text language sql immutable parallel unsafe body b0b40104afdf5ce382a93532cca5e8fe
create function market.webhook_behind(p_after bigint, p_limit integer) returns SETOF bigint language sql stable parallel unsafe set search_path="" body 4944bb41aead85fdf53154f7b925d424
create function market.webhook_endpoint_tried(p_endpoint_id bigint, p_failed integer, p_has_succeeded boolean, p_is_gone boolean, p_has_failed_often boolean) returns TABLE(agent_id bigint, state text, breaker_until timestamp with time zone, breaker_opened integer, is_noticed boolean) language sql volatile parallel unsafe set search_path="" body 90481468332ad3731a52d16b763fea22
create function market.webhook_endpoint_tried_v2(p_endpoint_id bigint, p_url text, p_failed integer, p_has_succeeded boolean, p_is_gone boolean, p_has_failed_often boolean) returns TABLE(agent_id bigint, state text, breaker_until timestamp with time zone, breaker_opened integer, is_noticed boolean) language plpgsql volatile parallel unsafe security definer set search_path="" body 5364b36463cc30ff12a402ecb413122a
create function market.webhook_fan_out(p_agent_ids bigint[], p_work_types text[], p_agents integer, p_events integer) returns integer language sql volatile parallel unsafe set search_path="" body ece0ff1bea6d5b59ec6002d7b2f5b8db
create function market.webhook_fan_out_v2(p_agent_ids bigint[], p_work_types text[], p_agents integer, p_events integer) returns TABLE(read integer, made integer, next_ms double precision) language sql volatile parallel unsafe set search_path="" body 8c9f04df451503e912855a0ea9cb7c32
create function market.webhook_fan_out_v3(p_agent_ids bigint[], p_work_types text[], p_events integer, p_claim_id uuid, p_room integer, p_each integer, p_work_try_ms integer, p_info_try_ms integer, p_lease_after_ms integer) returns TABLE(read integer, agents integer, made integer, next_ms double precision, unread bigint[], id bigint, endpoint_id bigint, agent_id bigint, seq bigint, event_id uuid, event_created_at timestamp with time zone, type text, invocation_id bigint, class text, expires_at timestamp with time zone, left_ms double precision, url text, rate_per_second integer, has_failed boolean) language plpgsql volatile parallel unsafe security definer set search_path="" set plan_cache_mode=force_generic_plan set enable_seqscan=off body 4db43dcff705921ba483fa094285b831
create function market.webhook_hurry(p_agents bigint[]) returns bigint[] language plpgsql volatile parallel unsafe security definer set search_path="" set enable_seqscan=off body a434cb1c92e497fdc56a165f1fcbd4f1
create function market.webhook_pace_take(p_endpoint_ids bigint[], p_wanted integer[], p_interval_ms double precision[], p_burst integer[]) returns TABLE(endpoint_id bigint, granted integer, turn_ms double precision) language plpgsql volatile parallel unsafe security definer set search_path="" body 599a85defd2f650822ace1055150e81d
create function market.webhook_purge(p_days integer, p_limit integer) returns integer language plpgsql volatile parallel unsafe security definer set search_path="" body f7dfdb1c5b027a51a59f4c5105f44b8f
create function market.webhook_replay_step(p_work_types text[], p_limit integer) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body 4c9d6393b2f56b9b8e2cffd649d8eda8
create function market.webhook_tried(p_ids bigint[], p_claim_ids uuid[], p_statuses text[], p_in_ms double precision[], p_bodies bytea[], p_ago_ms double precision[], p_status_codes smallint[], p_reasons text[], p_details text[], p_dns_ms real[], p_connect_ms real[], p_tls_ms real[], p_first_byte_ms real[], p_total_ms real[], p_responses text[]) returns SETOF bigint language plpgsql volatile parallel unsafe security definer set search_path="" set plan_cache_mode=force_generic_plan set enable_seqscan=off body 748e8f5b07bd2301dc7733c4f2f5f8d3
create function platform.adopt_partitions() returns void language sql volatile parallel unsafe security definer set search_path="" body 20a858b211ce409ef1456ce3688d9eaa
create function platform.clock() returns timestamp with time zone language sql volatile parallel safe body e458914a93bf2f3a40802d487544971c
create function platform.copy_partition(p_name text, p_tablespace text) returns bigint language plpgsql volatile parallel unsafe security definer set search_path="" body 76c66e675a98875fbbdaa79d8e2ad0fa
create function platform.drop_partition(p_name text) returns boolean language plpgsql volatile parallel unsafe security definer set search_path="" body c1b042f60af2e15eb74a2ae659703d69
create function platform.exchange_partition(p_name text) returns text language plpgsql volatile parallel unsafe security definer set search_path="" set lock_timeout=200ms body adbf5378c96e6c35708628dd5f26a201
create function platform.extend_partitions() returns integer language plpgsql volatile parallel unsafe security definer set search_path="" body e430cf82ca65c0dacdc66de09ec06e32
create function platform.last_id(p_sequence text) returns bigint language sql volatile parallel unsafe set search_path="" body 5b159a980a8feed38cf80131f703d9eb
create function platform.make_partition(p_table text, p_name text, p_bound text) returns void language plpgsql volatile parallel unsafe security definer set search_path="" body 9c1fde6ca39c1b0e95defc190ef0e3e2
create function platform.next_id(p_sequence regclass) returns bigint language sql volatile parallel unsafe body f788bc53576145e63623d103ed398238
create function platform.range_size(p_sequence text) returns bigint language sql volatile parallel unsafe security definer set search_path="" body 5c8aa4875c0cd71ad6a9d1ca5fd1985d
create function platform.refuse_change() returns trigger language plpgsql volatile parallel unsafe body 8fcf3a5588b2d2e7fb35ac0086903da4
create function platform.retire_partitions(p_days integer) returns SETOF text language plpgsql volatile parallel unsafe security definer set search_path="" body 5d11162e806219a3bf7a97b3524b7b69
create function platform.shard() returns bigint language sql immutable parallel safe body ee138ab7e005bdb74b16de0eef9ad458
create function platform.this_month() returns date language sql volatile parallel unsafe set search_path="" body 678c307bcb3e32a125278e639b822767
create function platform.turn_partitions(p_chunk integer) returns bigint language plpgsql volatile parallel unsafe security definer set search_path="" body 500663b07b08e002ea26980fb3e9e779
create function platform.uuidv7() returns uuid language sql volatile parallel unsafe body 3272aeef9bc6440ec1f88608bc819f54

-- Triggers

CREATE TRIGGER account_is_immutable BEFORE DELETE OR UPDATE ON ledger.account FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER account_is_kept BEFORE TRUNCATE ON ledger.account FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER hold_is_immutable BEFORE DELETE OR UPDATE ON ledger.hold FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER hold_is_kept BEFORE TRUNCATE ON ledger.hold FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER hold_p00000_is_kept BEFORE TRUNCATE ON ledger.hold_p00000 FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER hold_p00001_is_kept BEFORE TRUNCATE ON ledger.hold_p00001 FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER mint_transfer_is_counted BEFORE INSERT ON ledger.transfer FOR EACH ROW WHEN (((new.debit = '-2'::integer) OR (new.credit = '-2'::integer))) EXECUTE FUNCTION ledger.refuse_uncounted()
CREATE TRIGGER month_opening_is_immutable BEFORE DELETE OR UPDATE ON ledger.month_opening FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER month_opening_is_kept BEFORE TRUNCATE ON ledger.month_opening FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER outcome_is_immutable BEFORE DELETE OR UPDATE ON ledger.outcome FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER outcome_is_kept BEFORE TRUNCATE ON ledger.outcome FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER outcome_p00000_is_kept BEFORE TRUNCATE ON ledger.outcome_p00000 FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER outcome_p00001_is_kept BEFORE TRUNCATE ON ledger.outcome_p00001 FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER service_version_is_immutable BEFORE DELETE OR UPDATE ON market.service_version FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER service_version_is_kept BEFORE TRUNCATE ON market.service_version FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER settlement_adds_up BEFORE INSERT ON ledger.settlement FOR EACH ROW EXECUTE FUNCTION ledger.check_settlement()
CREATE TRIGGER settlement_is_immutable BEFORE DELETE OR UPDATE ON ledger.settlement FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER settlement_is_kept BEFORE TRUNCATE ON ledger.settlement FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER settlement_p00000_is_kept BEFORE TRUNCATE ON ledger.settlement_p00000 FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER settlement_p00001_is_kept BEFORE TRUNCATE ON ledger.settlement_p00001 FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER transfer_is_immutable BEFORE DELETE OR UPDATE ON ledger.transfer FOR EACH ROW EXECUTE FUNCTION platform.refuse_change()
CREATE TRIGGER transfer_is_kept BEFORE TRUNCATE ON ledger.transfer FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change()

-- Grants

grant delete, insert, select, update on table market.login_attempt to c4c_app
grant delete, insert, select, update on table market.owner_login to c4c_app
grant execute on function ledger.accounts_to_fold(integer) to c4c_app
grant execute on function ledger.budget_left(bigint,timestamp with time zone) to c4c_app
grant execute on function ledger.budget_since(ledger.budget,timestamp with time zone) to c4c_app
grant execute on function ledger.consent_reasons(bigint,text,bigint,text,bigint,timestamp with time zone) to c4c_app
grant execute on function ledger.deposit(bigint,bigint,text,text,text,bigint,text,bytea) to c4c_treasury
grant execute on function ledger.fold(bigint) to c4c_app
grant execute on function ledger.open_month(bigint,date) to c4c_app
grant execute on function ledger.open_wallet(bigint) to c4c_app
grant execute on function ledger.period_start(text,timestamp with time zone) to c4c_app
grant execute on function ledger.reverse_transfer(bigint,text,text,text,bigint,text,bytea) to c4c_treasury
grant execute on function ledger.set_budget(bigint,bigint,text,bigint,text,boolean) to c4c_app
grant execute on function ledger.set_fee_rate(text,integer) to c4c_treasury
grant execute on function ledger.set_policy(bigint,bigint,text[],text[],bigint[],text[],text[],bigint[]) to c4c_app
grant execute on function market.agents_polled(bigint[],integer[]) to c4c_app
grant execute on function market.agents_reachable(bigint[]) to c4c_app
grant execute on function market.agents_record(bigint[]) to c4c_app
grant execute on function market.agents_seen(bigint[]) to c4c_app
grant execute on function market.approval_ask(bigint,bigint,text,json,bytea,text,bigint,text,json,interval,integer) to c4c_app
grant execute on function market.approval_decide(bigint,bigint,boolean,text,text) to c4c_app
grant execute on function market.approval_expire(integer) to c4c_app
grant execute on function market.approval_fail(bigint,json,boolean) to c4c_app
grant execute on function market.approval_holds(bigint,bigint,text,bigint) to c4c_app
grant execute on function market.approval_link(bigint,bigint,bytea) to c4c_app
grant execute on function market.approval_said(market.approval) to c4c_app
grant execute on function market.approval_use(bigint,bigint,bigint[],timestamp with time zone) to c4c_app
grant execute on function market.chat_partner(market.employment,bigint) to c4c_app
grant execute on function market.chat_read(bigint,bigint,bigint,bigint,text,integer) to c4c_app
grant execute on function market.chat_send(bigint,bigint,bigint,text,text,text,json,integer) to c4c_app
grant execute on function market.closing_end(text,text,text) to c4c_app
grant execute on function market.closing_verdict(boolean,market.invocation,text,bigint,bytea,timestamp with time zone) to c4c_app
grant execute on function market.consumer_enter(bigint,text,uuid,uuid,bigint,text[],integer) to c4c_app
grant execute on function market.consumer_forget(bigint,text) to c4c_app
grant execute on function market.consumer_leave(uuid[]) to c4c_app
grant execute on function market.consumer_low_water(bigint,text,bigint) to c4c_app
grant execute on function market.consumer_put_back(bigint,text,uuid,bigint[],integer,boolean) to c4c_app
grant execute on function market.consumer_renew(bigint,text,uuid,bigint,integer) to c4c_app
grant execute on function market.consumer_settle(bigint[],text[],uuid[],bigint[],integer[]) to c4c_app
grant execute on function market.consumer_sockets(bigint,text) to c4c_app
grant execute on function market.consumer_take(bigint,text,uuid,integer,integer) to c4c_app
grant execute on function market.consumer_take_many(bigint[],text[],uuid[],integer[],integer) to c4c_app
grant execute on function market.employment_bill_said(market.employment) to c4c_app
grant execute on function market.employment_offer(bigint,bigint,bigint,bigint,bigint,bigint,integer,text,bytea,integer,integer,integer,bigint) to c4c_app
grant execute on function market.employment_said(market.employment) to c4c_app
grant execute on function market.employment_step(bigint,text,bigint,bigint,text) to c4c_app
grant execute on function market.employment_verdict(market.employment,text,bigint,boolean,timestamp with time zone) to c4c_app
grant execute on function market.employments_due(integer) to c4c_app
grant execute on function market.feedback_give(bigint,text,integer) to c4c_app
grant execute on function market.gateway_beat(uuid,boolean) to c4c_app
grant execute on function market.gateway_stop(uuid) to c4c_app
grant execute on function market.invocation_acknowledge(bigint,bigint) to c4c_app
grant execute on function market.invocation_close(bigint[],text[],bigint[],json[],json[],text[],bytea[],bigint[]) to c4c_app
grant execute on function market.invocation_handed_over(bigint[],integer[],text) to c4c_app
grant execute on function market.invocation_open(bigint[],bigint[],bigint[],bigint[],bigint[],integer[],bigint[],json[],text[],bytea[],integer,bigint[],text[],bigint) to c4c_app
grant execute on function market.invocation_progress(bigint,bigint,integer,text) to c4c_app
grant execute on function market.invocation_review(bigint,bigint,integer,text) to c4c_app
grant execute on function market.invocations_acknowledge(bigint[]) to c4c_app
grant execute on function market.invocations_due(integer) to c4c_app
grant execute on function market.invocations_erase(integer,integer) to c4c_app
grant execute on function market.invocations_taken(bigint[],integer[],text) to c4c_app
grant execute on function market.key_has_ended(bigint,market.api_key,bigint,timestamp with time zone) to c4c_app
grant execute on function market.node_is_gone(timestamp with time zone,timestamp with time zone) to c4c_app
grant execute on function market.note_agents_there(integer) to c4c_app
grant execute on function market.opening_verdict(boolean,ledger.idempotency,market.agent,market.service,market.agent,bigint,integer,bigint,bytea) to c4c_app
grant execute on function market.pending_begin(bigint,bigint,timestamp with time zone) to c4c_app
grant execute on function market.presence_tell(uuid,bigint[],text[],bigint[],boolean) to c4c_app
grant execute on function market.purge_logins(integer,integer) to c4c_app
grant execute on function market.shells_text(bigint) to c4c_app
grant execute on function market.socket_turn(interval,boolean) to c4c_app
grant execute on function market.tally_outcomes(integer) to c4c_app
grant execute on function market.task_application_data(market.task,bigint,bigint,jsonb) to c4c_app
grant execute on function market.task_apply(bigint,bigint,bigint,bigint,bigint,text,text) to c4c_app
grant execute on function market.task_close(bigint,text,bigint,bigint,integer,text) to c4c_app
grant execute on function market.task_publish(bigint,bigint,bigint,bigint,bigint,text,text,text,bigint,timestamp with time zone,text,bytea,bigint) to c4c_app
grant execute on function market.task_request_revision(bigint,bigint,bigint,text) to c4c_app
grant execute on function market.task_review_time() to c4c_app
grant execute on function market.task_revisions_max() to c4c_app
grant execute on function market.task_select(bigint,bigint,bigint,bigint,text) to c4c_app
grant execute on function market.task_submission_data(market.task,bigint,jsonb) to c4c_app
grant execute on function market.task_submit(bigint,bigint,bigint,bigint,text,text[],text,bytea) to c4c_app
grant execute on function market.task_withdraw(bigint,bigint,bigint) to c4c_app
grant execute on function market.time_text(timestamp with time zone) to c4c_app
grant execute on function market.webhook_behind(bigint,integer) to c4c_app
grant execute on function market.webhook_endpoint_tried(bigint,integer,boolean,boolean,boolean) to c4c_app
grant execute on function market.webhook_endpoint_tried_v2(bigint,text,integer,boolean,boolean,boolean) to c4c_app
grant execute on function market.webhook_fan_out(bigint[],text[],integer,integer) to c4c_app
grant execute on function market.webhook_fan_out_v2(bigint[],text[],integer,integer) to c4c_app
grant execute on function market.webhook_fan_out_v3(bigint[],text[],integer,uuid,integer,integer,integer,integer,integer) to c4c_app
grant execute on function market.webhook_hurry(bigint[]) to c4c_app
grant execute on function market.webhook_pace_take(bigint[],integer[],double precision[],integer[]) to c4c_app
grant execute on function market.webhook_purge(integer,integer) to c4c_app
grant execute on function market.webhook_replay_step(text[],integer) to c4c_app
grant execute on function market.webhook_tried(bigint[],uuid[],text[],double precision[],bytea[],double precision[],smallint[],text[],text[],real[],real[],real[],real[],real[],text[]) to c4c_app
grant execute on function platform.clock() to c4c_app
grant execute on function platform.extend_partitions() to c4c_app
grant execute on function platform.next_id(regclass) to c4c_app
grant execute on function platform.shard() to c4c_app
grant execute on function platform.turn_partitions(integer) to c4c_app
grant execute on function platform.uuidv7() to c4c_app
grant insert, select on table market.agent_stream to c4c_app
grant insert, select on table market.delivery_attempt to c4c_app
grant insert, select on table market.service_load to c4c_app
grant insert, select on table market.service_version to c4c_app
grant insert, select, update on table market.agent to c4c_app
grant insert, select, update on table market.api_key to c4c_app
grant insert, select, update on table market.delivery to c4c_app
grant insert, select, update on table market.invitation to c4c_app
grant insert, select, update on table market.owner to c4c_app
grant insert, select, update on table market.service to c4c_app
grant insert, select, update on table market.webhook_cursor to c4c_app
grant insert, select, update on table market.webhook_endpoint to c4c_app
grant insert, select, update on table market.webhook_replay to c4c_app
grant insert, select, update on table market.webhook_secret to c4c_app
grant select on table ledger.account to c4c_app
grant select on table ledger.account to c4c_treasury
grant select on table ledger.balance to c4c_app
grant select on table ledger.balance to c4c_treasury
grant select on table ledger.budget to c4c_app
grant select on table ledger.budget to c4c_treasury
grant select on table ledger.circulating to c4c_app
grant select on table ledger.circulating to c4c_treasury
grant select on table ledger.consent_rule to c4c_app
grant select on table ledger.consent_rule to c4c_treasury
grant select on table ledger.credit to c4c_app
grant select on table ledger.credit to c4c_treasury
grant select on table ledger.entry to c4c_app
grant select on table ledger.entry to c4c_treasury
grant select on table ledger.fee_rate to c4c_app
grant select on table ledger.fee_rate to c4c_treasury
grant select on table ledger.hold to c4c_app
grant select on table ledger.hold to c4c_treasury
grant select on table ledger.hold_p00000 to c4c_app
grant select on table ledger.hold_p00000 to c4c_treasury
grant select on table ledger.hold_p00001 to c4c_app
grant select on table ledger.hold_p00001 to c4c_treasury
grant select on table ledger.idempotency to c4c_app
grant select on table ledger.idempotency to c4c_treasury
grant select on table ledger.idempotency_h0 to c4c_app
grant select on table ledger.idempotency_h0 to c4c_treasury
grant select on table ledger.idempotency_h1 to c4c_app
grant select on table ledger.idempotency_h1 to c4c_treasury
grant select on table ledger.idempotency_h2 to c4c_app
grant select on table ledger.idempotency_h2 to c4c_treasury
grant select on table ledger.idempotency_h3 to c4c_app
grant select on table ledger.idempotency_h3 to c4c_treasury
grant select on table ledger.month_opening to c4c_app
grant select on table ledger.month_opening to c4c_treasury
grant select on table ledger.movement to c4c_app
grant select on table ledger.movement to c4c_treasury
grant select on table ledger.outcome to c4c_app
grant select on table ledger.outcome to c4c_treasury
grant select on table ledger.outcome_p00000 to c4c_app
grant select on table ledger.outcome_p00000 to c4c_treasury
grant select on table ledger.outcome_p00001 to c4c_app
grant select on table ledger.outcome_p00001 to c4c_treasury
grant select on table ledger.outcome_queue to c4c_app
grant select on table ledger.outcome_queue to c4c_treasury
grant select on table ledger.settlement to c4c_app
grant select on table ledger.settlement to c4c_treasury
grant select on table ledger.settlement_p00000 to c4c_app
grant select on table ledger.settlement_p00000 to c4c_treasury
grant select on table ledger.settlement_p00001 to c4c_app
grant select on table ledger.settlement_p00001 to c4c_treasury
grant select on table ledger.spend_limit to c4c_app
grant select on table ledger.spend_limit to c4c_treasury
grant select on table ledger.spend_total to c4c_app
grant select on table ledger.spend_total to c4c_treasury
grant select on table ledger.spender to c4c_app
grant select on table ledger.spender to c4c_treasury
grant select on table ledger.transfer to c4c_app
grant select on table ledger.transfer to c4c_treasury
grant select on table ledger.wallet to c4c_app
grant select on table ledger.wallet to c4c_treasury
grant select on table market.agent_day to c4c_app
grant select on table market.agent_event to c4c_app
grant select on table market.agent_event_p00000 to c4c_app
grant select on table market.agent_event_p00001 to c4c_app
grant select on table market.agent_hour to c4c_app
grant select on table market.agent_notice to c4c_app
grant select on table market.agent_poll to c4c_app
grant select on table market.agent_presence to c4c_app
grant select on table market.agent_stats to c4c_app
grant select on table market.approval to c4c_app
grant select on table market.chat_message to c4c_app
grant select on table market.chat_reading to c4c_app
grant select on table market.consumer_claim to c4c_app
grant select on table market.consumer_cursor to c4c_app
grant select on table market.consumer_socket to c4c_app
grant select on table market.delivery_attempt_p00000 to c4c_app
grant select on table market.delivery_attempt_p00001 to c4c_app
grant select on table market.delivery_p00000 to c4c_app
grant select on table market.delivery_p00001 to c4c_app
grant select on table market.employment to c4c_app
grant select on table market.feedback to c4c_app
grant select on table market.gateway_node to c4c_app
grant select on table market.invocation to c4c_app
grant select on table market.invocation_p00000 to c4c_app
grant select on table market.invocation_p00001 to c4c_app
grant select on table market.invocation_progress to c4c_app
grant select on table market.invocation_progress_p00000 to c4c_app
grant select on table market.invocation_progress_p00001 to c4c_app
grant select on table market.payload_erasure to c4c_app
grant select on table market.review to c4c_app
grant select on table market.review_p00000 to c4c_app
grant select on table market.review_p00001 to c4c_app
grant select on table market.service_stats to c4c_app
grant select on table market.task to c4c_app
grant select on table market.task_application to c4c_app
grant select on table market.task_submission to c4c_app
grant select on table market.webhook_notice to c4c_app
grant select on table market.webhook_pace to c4c_app
grant select, usage on sequence ledger.hold_id to c4c_app
grant select, usage on sequence ledger.outcome_id to c4c_app
grant select, usage on sequence ledger.transfer_id to c4c_app
grant select, usage on sequence market.agent_event_id to c4c_app
grant select, usage on sequence market.agent_id to c4c_app
grant select, usage on sequence market.api_key_id to c4c_app
grant select, usage on sequence market.approval_id to c4c_app
grant select, usage on sequence market.chat_message_id to c4c_app
grant select, usage on sequence market.delivery_id to c4c_app
grant select, usage on sequence market.employment_id to c4c_app
grant select, usage on sequence market.feedback_id to c4c_app
grant select, usage on sequence market.invitation_id to c4c_app
grant select, usage on sequence market.invocation_id to c4c_app
grant select, usage on sequence market.owner_id to c4c_app
grant select, usage on sequence market.service_id to c4c_app
grant select, usage on sequence market.task_application_id to c4c_app
grant select, usage on sequence market.task_id to c4c_app
grant select, usage on sequence market.task_submission_id to c4c_app
grant select, usage on sequence market.webhook_endpoint_id to c4c_app
grant select, usage on sequence market.webhook_replay_id to c4c_app
grant select, usage on sequence market.webhook_secret_id to c4c_app
grant usage on schema ledger to c4c_app
grant usage on schema ledger to c4c_treasury
grant usage on schema market to c4c_app
grant usage on schema platform to c4c_app
