-- Why:  ranges of ids belong to months, so that old events can go and the ledger's closed months can be archived; payloads are
--       erased when they are old. What the job does stands in prisma/functions/05_partitions.sql and 33_invocation_erase.sql.
-- Lock: market.invocation exclusively for the moment in which its column is added, and against writers while its index is built
--       (about a second for a million rows). Nothing else that anybody uses is locked.
-- Back: drop table platform.partition, platform.id_range, platform.partitioned_table, market.payload_erasure; drop index
--       market.invocation_by_end; alter table market.invocation drop column payload_erased_at; then put back
--       platform.extend_partitions() as 0001_market has it. The partitions stay as they are: the old function finds room after them
--       only if they are 2^24 ids each, so go back before the first month has turned.

-- The large tables that are cut into ranges of ids. One row more is all that another such table needs.
--   ledger:   kept for ever; a closed month is frozen and marked as archived
--   kept:     kept for ever
--   retained: a partition is dropped when its newest row is so many days old (null: C4C_EVENT_DAYS)
create table platform.partitioned_table (
  table_name text not null,
  sequence_name text not null,
  kind text not null,
  time_column text,
  retained_days integer,
  analysed_at timestamptz,
  constraint partitioned_table_pkey primary key (table_name),
  constraint partitioned_table_kind_known check (kind in ('ledger', 'kept', 'retained')),
  constraint partitioned_table_of_the_ledger_is_kept check ((kind = 'ledger') = (table_name like 'ledger.%')),
  constraint partitioned_table_retained_by_a_time check ((kind = 'retained') = (time_column is not null)),
  -- A pending invocation lives at most two days, and its event must be there as long.
  constraint partitioned_table_retained_long_enough check (retained_days is null or (kind = 'retained' and retained_days >= 3))
);

insert into platform.partitioned_table (table_name, sequence_name, kind, time_column) values
  ('ledger.hold', 'ledger.hold_id', 'ledger', null),
  ('ledger.settlement', 'ledger.hold_id', 'ledger', null),
  ('ledger.outcome', 'ledger.outcome_id', 'ledger', null),
  ('market.invocation', 'market.invocation_id', 'kept', null),
  ('market.invocation_progress', 'market.invocation_id', 'kept', null),
  ('market.review', 'market.invocation_id', 'kept', null),
  ('market.agent_event', 'market.agent_event_id', 'retained', 'created_at');

-- The ranges of a sequence, one after the other. `month` is the one in which the range came into use; when the month turns, what
-- is left of the range is passed over. `used` is how many ids were drawn until then. A range without a month is still ahead.
create table platform.id_range (
  sequence_name text not null,
  n integer not null,
  first_id bigint not null,
  end_id bigint not null,
  month date,
  used bigint,
  made_at timestamptz not null,
  closed_at timestamptz,
  constraint id_range_pkey primary key (sequence_name, n),
  constraint id_range_begins_once unique (sequence_name, first_id),
  constraint id_range_is_not_empty check (end_id > first_id),
  constraint id_range_closed_has_a_month check (closed_at is null or (month is not null and used is not null))
);

-- The partition of a table for a range. `newest_at` is when the newest row of one that was dropped was written.
create table platform.partition (
  table_name text not null,
  sequence_name text not null,
  n integer not null,
  name text not null,
  state text not null default 'attached',
  newest_at timestamptz,
  changed_at timestamptz not null,
  constraint partition_pkey primary key (table_name, n),
  constraint partition_name_once unique (name),
  constraint partition_state_known check (state in ('attached', 'archived', 'retiring', 'dropped')),
  constraint partition_of_the_ledger_is_kept check (table_name not like 'ledger.%' or state in ('attached', 'archived'))
);

-- How far payloads have been erased: up to this end and, of those that ended at the same instant, up to this id.
alter table market.invocation add column payload_erased_at timestamptz;
create index invocation_by_end on market.invocation (settled_at, id) where settled_at is not null;
create table market.payload_erasure (
  place integer not null,
  settled_at timestamptz not null,
  invocation_id bigint not null,
  constraint payload_erasure_pkey primary key (place),
  constraint payload_erasure_is_one_row check (place = 1)
);
insert into market.payload_erasure (place, settled_at, invocation_id) values (1, '-infinity', 0);
