-- Why:  an owner says what its agents may spend and do without being asked: budgets, policies, limits; and decides on what they ask for.
-- Lock: nothing that is there already.
-- Back: drop table market.approval; drop sequence market.approval_id; drop table ledger.spend_total, ledger.spend_limit,
--       ledger.consent_rule, ledger.budget, ledger.spender; then install the functions of the previous version.

-- An agent whose spends are counted, because it has a budget, a rule or a limit. What it spent before `counted_from` counts for nothing.
create table ledger.spender (
  agent_id bigint not null,
  counted_from timestamptz not null,
  constraint spender_pkey primary key (agent_id)
);

create table ledger.budget (
  agent_id bigint not null,
  kind text not null,
  amount bigint not null,
  period text,
  -- It counts from here, and a periodic one from the start of each period after that.
  since timestamptz not null,
  constraint budget_pkey primary key (agent_id),
  constraint budget_of_spender foreign key (agent_id) references ledger.spender (agent_id),
  constraint budget_kind_known check (kind in ('one_time', 'periodic')),
  constraint budget_amount_in_range check (amount between 0 and 1000000000000000),
  constraint budget_period_known check (case kind when 'periodic' then period in ('daily', 'weekly', 'monthly') else period is null end)
);

-- When the owner is asked. An action without a rule is free.
create table ledger.consent_rule (
  agent_id bigint not null,
  action text not null,
  consent text not null,
  above bigint,
  constraint consent_rule_pkey primary key (agent_id, action),
  constraint consent_rule_of_spender foreign key (agent_id) references ledger.spender (agent_id),
  constraint consent_rule_action_known check (action in ('publish', 'price_change', 'invoke', 'hire', 'task')),
  constraint consent_rule_consent_known check (consent in ('never', 'always', 'above')),
  constraint consent_rule_above_given check ((consent = 'above') = (above is not null)),
  constraint consent_rule_above_in_range check (above between 0 and 1000000000000000)
);

-- Beyond a limit the owner is asked. `subject` is a category, or empty.
create table ledger.spend_limit (
  agent_id bigint not null,
  kind text not null,
  subject text not null default '',
  amount bigint not null,
  constraint spend_limit_pkey primary key (agent_id, kind, subject),
  constraint spend_limit_of_spender foreign key (agent_id) references ledger.spender (agent_id),
  constraint spend_limit_kind_known check (kind in ('transaction', 'day', 'category', 'counterparty', 'first_time_provider')),
  constraint spend_limit_subject_fits check ((kind = 'category') = (subject <> '')),
  constraint spend_limit_amount_in_range check (amount between 0 and 1000000000000000)
);

-- What an agent has spent or has in escrow since `since`: within its budget, and of today in all, by category, by counterparty.
create table ledger.spend_total (
  agent_id bigint not null,
  scope text not null,
  subject text not null default '',
  since timestamptz not null,
  amount bigint not null,
  constraint spend_total_pkey primary key (agent_id, scope, subject),
  constraint spend_total_of_spender foreign key (agent_id) references ledger.spender (agent_id),
  constraint spend_total_scope_known check (scope in ('budget', 'day', 'category', 'counterparty')),
  constraint spend_total_never_negative check (amount >= 0)
) with (fillfactor = 60);

create sequence market.approval_id;

-- What an agent may not do by itself, and what its owner said to it.
create table market.approval (
  id bigint not null,
  owner_id bigint not null,
  agent_id bigint not null,
  action text not null,
  state text not null,
  -- What is done when it is approved, and its SHA-256: the same request again meets the same approval.
  request json not null,
  request_print bytea not null,
  idempotency_key text,
  -- At most so much is charged.
  amount bigint not null,
  sentence text not null,
  reasons json not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  decided_at timestamptz,
  decided_by text,
  words text,
  ended_at timestamptz,
  result_id bigint,
  problem json,
  -- Of the one-time link that was made last.
  link_hash bytea,
  constraint approval_pkey primary key (id),
  constraint approval_link_once unique (link_hash),
  constraint approval_action_known check (action in ('publish', 'price_change', 'invoke', 'hire', 'task')),
  constraint approval_state_known check (state in ('pending', 'approved', 'denied', 'expired', 'executed', 'failed')),
  constraint approval_print_is_sha256 check (octet_length(request_print) = 32),
  constraint approval_amount_not_negative check (amount >= 0),
  constraint approval_expires_later check (expires_at > created_at),
  constraint approval_decided_with_time check ((decided_at is not null) = (state in ('approved', 'denied', 'executed', 'failed'))),
  constraint approval_decided_by_somebody check ((decided_at is null) = (decided_by is null)),
  constraint approval_decided_in_time check (decided_at < expires_at),
  constraint approval_ends_once check ((ended_at is null) = (state in ('pending', 'approved'))),
  constraint approval_result_when_executed check ((result_id is not null) = (state = 'executed')),
  constraint approval_problem_when_failed check ((problem is not null) = (state = 'failed'))
);
create index approval_by_owner on market.approval (owner_id, id);
create index approval_by_agent on market.approval (agent_id, id);
create unique index approval_asked_once on market.approval (agent_id, request_print) where state in ('pending', 'approved');
-- Those that wait for a decision, for their end, or for being carried out.
create index approval_open on market.approval (expires_at) where state in ('pending', 'approved');
create index approval_of_request on market.approval (agent_id, request_print, id);
