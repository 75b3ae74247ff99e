-- Why:  a life cycle left 667 bytes in hold, settlement and key, 240 of them for the key, whose text stood in the row and in its
--       index. A hash of 16 bytes tells keys apart as well; and the indexes behind the journal need no id: what falls on one instant
--       is sorted when it is read.
-- Lock: ledger.idempotency, hold and settlement exclusively from beginning to end: about 5 s for a million invocations. What spends
--       or settles waits. From then until the functions of this version are installed, a moment later, what looks at a key is
--       refused as worth repeating.
-- Back: the indexes: make those of 0001 again. The keys: restore a backup made before, for their texts are gone.

-- In the order in which the functions take them.
lock table ledger.idempotency, ledger.hold, ledger.settlement in access exclusive mode;

create index hold_by_payer_and_time on ledger.hold (payer_account, created_at);
drop index ledger.hold_by_payer;
alter index ledger.hold_by_payer_and_time rename to hold_by_payer;

create index settlement_by_payee_and_time on ledger.settlement (payee_account, settled_at) where to_payee > 0;
drop index ledger.settlement_by_payee;
alter index ledger.settlement_by_payee_and_time rename to settlement_by_payee;

create index settlement_refunds_by_payer_and_time on ledger.settlement (payer_account, settled_at) where to_payer > 0;
drop index ledger.settlement_refunds_by_payer;
alter index ledger.settlement_refunds_by_payer_and_time rename to settlement_refunds_by_payer;

-- What is kept of a key. It is here and not among the functions because rows depend on it: it never changes. An owner and an agent
-- may have the same id, so the kind is in it; no kind has a blank. To make two keys meet takes 2^64 tries; whoever does that meets
-- nobody's keys but their own, and is told that the key was used for something else. Stable and not immutable, as convert_to is:
-- only so is it inlined.
create function ledger.key_hash(p_principal_kind text, p_key text) returns uuid
language sql stable parallel safe
as $$ select encode(substring(sha256(convert_to(p_principal_kind || ' ' || p_key, 'UTF8')) from 1 for 16), 'hex')::uuid $$;

-- What is kept of a key takes its text's place; the fingerprint is that of the request, so replays go on as before.
alter table ledger.idempotency drop constraint idempotency_pkey;
alter table ledger.idempotency alter column key type uuid using ledger.key_hash(principal_kind, key);
alter table ledger.idempotency rename column key to key_hash;
alter table ledger.idempotency add constraint idempotency_pkey primary key (principal_id, key_hash);

-- The functions of the version before look for the text. Until the new ones are there, whoever calls them is told to repeat it.
do $$
declare
  v_function record;
begin
  for v_function in
    select pg_get_functiondef(p.oid) as text, p.prosrc as body
    from pg_catalog.pg_proc p
    join pg_catalog.pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
    where p.pronamespace in ('ledger'::regnamespace, 'market'::regnamespace) and p.prosrc like '%ledger.idempotency%'
  loop
    execute replace(v_function.text, v_function.body, $body$
begin
  raise exception 'keys are being kept in another way: repeat it'
    using errcode = 'serialization_failure';
end
$body$);
  end loop;
end
$$;
