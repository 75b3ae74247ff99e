-- Who may do what. The application's role may execute the functions it needs, read, and write the tables of features that
-- are neither money nor state of an invocation; so not even an injected statement can forge a balance.
do $$
begin
  revoke execute on all functions in schema platform, ledger, market from public;
  revoke all on schema platform, ledger, market from public;

  if exists (select 1 from pg_roles where rolname = 'c4c_app') then
    revoke all on all tables in schema platform, ledger, market from c4c_app;
    grant usage on schema platform, ledger, market to c4c_app;
    grant select on all tables in schema ledger, market to c4c_app;
    grant insert on market.owner, market.agent, market.api_key, market.service, market.service_version, market.service_load,
      market.agent_stream, market.webhook_endpoint, market.webhook_secret, market.webhook_cursor, market.delivery,
      market.delivery_attempt, market.webhook_replay, market.owner_login, market.login_attempt, market.invitation to c4c_app;
    grant update on market.owner, market.agent, market.api_key, market.service, market.webhook_endpoint, market.webhook_secret,
      market.webhook_cursor, market.delivery, market.webhook_replay, market.owner_login, market.login_attempt, market.invitation to c4c_app;
    grant delete on market.owner_login, market.login_attempt to c4c_app;
    grant usage, select on all sequences in schema ledger, market to c4c_app;
    grant execute on function platform.clock(), platform.shard(), platform.next_id(regclass), platform.uuidv7(),
      platform.extend_partitions(), platform.turn_partitions(integer) to c4c_app;
    grant execute on function ledger.open_wallet(bigint), ledger.fold(bigint), ledger.accounts_to_fold(integer),
      ledger.open_month(bigint, date) to c4c_app;
    grant execute on function ledger.set_budget(bigint, bigint, text, bigint, text, boolean),
      ledger.set_policy(bigint, bigint, text[], text[], bigint[], text[], text[], bigint[]), ledger.budget_left(bigint, timestamptz),
      ledger.budget_since(ledger.budget, timestamptz), ledger.period_start(text, timestamptz),
      ledger.consent_reasons(bigint, text, bigint, text, bigint, timestamptz) to c4c_app;
    grant execute on all functions in schema market to c4c_app;
    revoke execute on function market.event_append(bigint[], text[], bigint[], timestamptz),
      market.notice_append(bigint[], text[], json[], timestamptz),
      market.approval_tell(market.approval[], timestamptz),
      market.invocation_close_one(bigint, text, bigint, json, json, text, bytea, bigint) from c4c_app;
  end if;

  if exists (select 1 from pg_roles where rolname = 'c4c_treasury') then
    grant usage on schema ledger to c4c_treasury;
    grant select on all tables in schema ledger to c4c_treasury;
    grant execute on function
      ledger.deposit(bigint, bigint, text, text, text, bigint, text, bytea),
      ledger.reverse_transfer(bigint, text, text, text, bigint, text, bytea),
      ledger.set_fee_rate(text, integer) to c4c_treasury;
  end if;
end
$$;
