-- Why:  a CHECK constraint is parsed again by every statement that writes the table; those of hold and settlement took a quarter of
--       the processor time of a life cycle. A rule of a type is parsed once a session. Two rules of a settlement look at more than
--       one column; a trigger keeps them, whose function is parsed once a session too.
-- Lock: the tables of the ledger exclusively from beginning to end, while every row is read once. What spends or settles
--       waits.
-- Back: make the constraints of 0001 again, give the columns their former types, and drop the trigger.

-- In the order in which the functions take them.
lock table ledger.wallet, ledger.idempotency, ledger.hold, ledger.settlement, ledger.credit, ledger.outcome in access exclusive mode;

-- The functions of this version make them again.
drop view if exists ledger.balance, ledger.entry, ledger.movement;

-- A column's type changes without its rows being written again only as long as the new type has no rule.
create domain ledger.amount as bigint;
create domain ledger.amount_or_none as bigint;
create domain ledger.basis_points as integer;
create domain ledger.subject_kind as text;
create domain ledger.settlement_outcome as text;
create domain ledger.principal_kind as text;
create domain ledger.fingerprint as bytea;
create domain ledger.outcome_kind as text;
create domain ledger.stars as smallint;

alter table ledger.wallet drop constraint wallet_available_never_negative, drop constraint wallet_held_never_negative;
alter table ledger.wallet alter column available type ledger.amount_or_none, alter column held type ledger.amount_or_none;

alter table ledger.credit drop constraint credit_positive;
alter table ledger.credit alter column amount type ledger.amount;

alter table ledger.hold drop constraint hold_subject_known, drop constraint hold_amount_in_range, drop constraint hold_fee_in_range;
alter table ledger.hold alter column subject_kind type ledger.subject_kind, alter column amount type ledger.amount,
  alter column fee_bps type ledger.basis_points;

alter table ledger.settlement drop constraint settlement_outcome_known, drop constraint settlement_parts_not_negative,
  drop constraint settlement_parts_sum_to_amount, drop constraint settlement_pays_somebody;
alter table ledger.settlement alter column outcome type ledger.settlement_outcome, alter column to_payee type ledger.amount_or_none,
  alter column to_fee type ledger.amount_or_none, alter column to_payer type ledger.amount_or_none;

alter table ledger.idempotency drop constraint idempotency_principal_known, drop constraint idempotency_fingerprint_is_sha256;
alter table ledger.idempotency alter column principal_kind type ledger.principal_kind, alter column fingerprint type ledger.fingerprint;

alter table ledger.outcome drop constraint outcome_kind_known, drop constraint outcome_stars_in_range;
alter table ledger.outcome alter column kind type ledger.outcome_kind, alter column stars type ledger.stars;

alter domain ledger.amount add constraint amount_in_range check (value between 1 and 1000000000000000);
alter domain ledger.amount_or_none add constraint amount_never_negative check (value >= 0);
alter domain ledger.basis_points add constraint basis_points_in_range check (value between 0 and 10000);
alter domain ledger.subject_kind add constraint subject_kind_known check (value in ('invocation', 'task', 'employment', 'match'));
alter domain ledger.settlement_outcome add constraint settlement_outcome_known
  check (value in ('released', 'refunded', 'timed_out', 'arbitrated'));
alter domain ledger.principal_kind add constraint principal_kind_known check (value in ('agent', 'owner', 'admin'));
alter domain ledger.fingerprint add constraint fingerprint_is_sha256 check (octet_length(value) = 32);
alter domain ledger.outcome_kind add constraint outcome_kind_known
  check (value in ('completed', 'failed', 'timeout', 'cancelled', 'review'));
alter domain ledger.stars add constraint stars_in_range check (value between 1 and 5);

create function ledger.check_settlement() returns trigger
language plpgsql
as $$
begin
  if new.to_payee + new.to_fee + new.to_payer <> new.amount then
    raise exception 'the parts of settlement % do not sum to its amount', new.hold_id
      using errcode = 'check_violation', constraint = 'settlement_parts_sum_to_amount';
  elsif new.payee_account is null and new.to_payee + new.to_fee <> 0 then
    raise exception 'settlement % pays nobody', new.hold_id using errcode = 'check_violation', constraint = 'settlement_pays_somebody';
  end if;
  return new;
end
$$;
create trigger settlement_adds_up before insert on ledger.settlement for each row execute function ledger.check_settlement();
