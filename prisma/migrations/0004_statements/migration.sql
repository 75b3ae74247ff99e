-- Why:  monthly statements begin from the balance at the beginning of a month, which is written once and never changes; and what
--       circulates is one figure instead of a sum over all deposits at every deposit.
-- Lock: none that anybody waits for on the new tables; ledger.transfer for a moment (a trigger, two indexes). From then until the
--       functions of this version are installed, a moment later, deposits and reversals are refused as worth repeating.
-- Back: drop trigger mint_transfer_is_counted on ledger.transfer; drop table ledger.circulating, ledger.month_opening; drop view
--       ledger.movement; make the indexes transfer_minted and transfer_unminted of 0001 again and install the functions of the version before.

-- An account's balance at the first instant of a month (UTC), written when nothing that counts before it can come any more.
-- `available` may be below zero for an instant: a hold takes its time first and then spends a credit that came a moment later.
create table ledger.month_opening (
  account_id bigint not null,
  month date not null,
  available bigint not null,
  held bigint not null,
  -- When the oldest hold was made that was open at that instant: what settles later began no earlier.
  held_since timestamptz,
  written_at timestamptz not null,
  constraint month_opening_pkey primary key (account_id, month),
  constraint month_opening_is_a_first check (extract(day from month) = 1),
  constraint month_opening_held_never_negative check (held >= 0),
  constraint month_opening_held_has_an_oldest check ((held > 0) = (held_since is not null))
);
create trigger month_opening_is_immutable before update or delete on ledger.month_opening for each row execute function platform.refuse_change();
create trigger month_opening_is_kept before truncate on ledger.month_opening execute function platform.refuse_change();

-- All that was deposited less what was taken back: one row. The functions' file sets it to the sum when it is installed.
create table ledger.circulating (
  is_only boolean not null default true,
  amount bigint not null,
  constraint circulating_pkey primary key (is_only),
  constraint circulating_is_one_row check (is_only),
  constraint circulating_in_range check (amount between 0 and 1000000000000000000)
) with (fillfactor = 50);
insert into ledger.circulating (amount) values (0);

-- Nothing enters or leaves the mint uncounted, not even by a function of an older version that was running when this came.
create function ledger.refuse_uncounted() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if not exists (select from ledger.circulating c where c.xmin = pg_current_xact_id()::xid) then
    raise exception 'a transfer from or to the mint did not change ledger.circulating: repeat it'
      using errcode = 'serialization_failure';
  end if;
  return new;
end
$$;
create trigger mint_transfer_is_counted before insert on ledger.transfer
for each row when (new.debit = -2 or new.credit = -2) execute function ledger.refuse_uncounted();

drop index ledger.transfer_minted;
drop index ledger.transfer_unminted;
