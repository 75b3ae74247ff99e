-- Large tables are cut into ranges of ids, and a range belongs to a month. Ranges stand ready before they are needed; when the month
-- turns, the ids that are left of the open range are drawn and thrown away, so that the next id begins the next range. Drawing never
-- goes backwards and takes no lock that a writer waits for, and whoever still holds older ids finds their partition where it was.
-- libs/platform/partitions.ts runs these every minute; what cannot run inside of a function stands there.

-- The id that was drawn last, null before the first.
create or replace function platform.last_id(p_sequence text) returns bigint
language sql
volatile
set search_path = ''
as $$ select (platform.shard() << 42) | pg_sequence_last_value(p_sequence::regclass) $$;

create or replace function platform.this_month() returns date
language sql
volatile
set search_path = ''
as $$ select date_trunc('month', platform.clock() at time zone 'UTC')::date $$;

-- Enters partitions that somebody else attached: the first migration, the previous version, a restore, an operator. Names come from
-- the rows that are read and not from regclass, which tells of a partition that was dropped meanwhile only its number.
create or replace function platform.adopt_partitions() returns void
language sql
security definer
set search_path = ''
as $$
  with found as (
    select t.table_name, t.sequence_name, format('%I.%I', s.nspname, c.relname) as name,
      substring(lower(pg_get_expr(c.relpartbound, c.oid)) from $r$from \('?(-?\d+)$r$)::bigint as first_id,
      substring(lower(pg_get_expr(c.relpartbound, c.oid)) from $r$to \('?(-?\d+)$r$)::bigint as end_id
    from platform.partitioned_table t
    join pg_catalog.pg_inherits i on i.inhparent = t.table_name::regclass
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    join pg_catalog.pg_namespace s on s.oid = c.relnamespace
    where not exists (select from platform.partition p where p.name = format('%I.%I', s.nspname, c.relname))
  ),
  ranges as (
    insert into platform.id_range as r (sequence_name, n, first_id, end_id, made_at)
    select f.sequence_name,
      coalesce((select max(o.n) + 1 from platform.id_range o where o.sequence_name = f.sequence_name), 0)
        + row_number() over (partition by f.sequence_name order by f.first_id) - 1,
      f.first_id, f.end_id, platform.clock()
    from (select distinct sequence_name, first_id, end_id from found) f
    where not exists (select from platform.id_range o where o.sequence_name = f.sequence_name and o.first_id = f.first_id)
    returning r.sequence_name, r.n, r.first_id
  )
  insert into platform.partition (table_name, sequence_name, n, name, changed_at)
  select f.table_name, f.sequence_name, r.n, f.name, platform.clock()
  from found f
  join (
    select sequence_name, n, first_id from ranges
    union all
    select sequence_name, n, first_id from platform.id_range
  ) r on r.sequence_name = f.sequence_name and r.first_id = f.first_id
$$;

-- How many ids the next range gets: about half of what a month used of late, so that the two that stand ahead hold a month's worth
-- and little is passed over when the month turns. A market that grows faster gets more ranges in the same month.
create or replace function platform.range_size(p_sequence text) returns bigint
language sql
volatile
security definer
set search_path = ''
as $$
  select greatest(4194304, least(4294967296, (2 ^ ceil(log(2, greatest(coalesce(max(u.used), 0), 2) / 2)))::bigint))
  from (
    select sum(coalesce(r.used, least(platform.last_id(p_sequence) + 1, r.end_id) - r.first_id)) as used
    from platform.id_range r
    where r.sequence_name = p_sequence and r.month >= platform.this_month() - interval '2 months'
    group by r.month
  ) u
$$;

-- Makes a partition apart and attaches it: attaching takes a lock that lets readers and writers of the table go on. The primary key
-- comes last. Of indexes that cost the same, as all do while a partition is known to be empty, PostgreSQL takes the one that was made
-- last; a plan from then may stay until there are many rows, and one by another index of the same id would read all of it.
create or replace function platform.make_partition(p_table text, p_name text, p_bound text) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_definition text;
begin
  execute format('create table %s (like %s including defaults including constraints)', p_name, p_table);
  for v_definition in
    select case when c.oid is not null then format('alter table %s add %s', p_name, pg_get_constraintdef(c.oid))
      else regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX .* ON ONLY \S+ ', format(' INDEX ON %s ', p_name)) end
    from pg_catalog.pg_index i
    left join pg_catalog.pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
    where i.indrelid = p_table::regclass
    order by i.indisprimary, i.indexrelid
  loop
    execute v_definition;
  end loop;
  execute format('alter table %s attach partition %s %s', p_table, p_name, p_bound);
end
$$;

-- Makes the partitions that are missing, so that every table has the open range and two more; returns how many it made.
create or replace function platform.extend_partitions() returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  c_ahead constant integer := 2;
  v_made integer := 0;
  v_sequence text;
  v_last bigint;
  v_n integer;
  v_end bigint;
  v_ahead integer;
  v_size bigint;
  v_part record;
begin
  -- One job at a time makes partitions; the others find them made.
  perform pg_advisory_xact_lock(72707370);
  perform platform.adopt_partitions();

  for v_sequence in select distinct sequence_name from platform.partitioned_table order by sequence_name loop
    v_last := coalesce(platform.last_id(v_sequence), platform.shard() << 42);
    select coalesce(max(n), -1), coalesce(max(end_id), platform.shard() << 42), count(*) filter (where first_id > v_last)
    into v_n, v_end, v_ahead
    from platform.id_range
    where sequence_name = v_sequence;
    while v_end <= v_last or v_ahead < c_ahead loop
      -- Whoever moved the sequence far ahead (a restore, a load of data) gets one range up to there.
      v_size := greatest(platform.range_size(v_sequence), v_last + 1 - v_end);
      v_n := v_n + 1;
      insert into platform.id_range (sequence_name, n, first_id, end_id, made_at)
      values (v_sequence, v_n, v_end, v_end + v_size, platform.clock());
      if v_end > v_last then
        v_ahead := v_ahead + 1;
      end if;
      v_end := v_end + v_size;
    end loop;
  end loop;

  for v_part in
    select t.table_name, t.kind, t.sequence_name, r.n, r.first_id, r.end_id,
      format('%s_p%s', t.table_name, lpad(r.n::text, greatest(5, length(r.n::text)), '0')) as name
    from platform.partitioned_table t
    join platform.id_range r on r.sequence_name = t.sequence_name
    where not exists (select from platform.partition p where p.table_name = t.table_name and p.n = r.n)
      -- A table that came later begins with the range that was open then.
      and r.end_id > coalesce(platform.last_id(t.sequence_name), r.first_id)
    order by t.table_name, r.n
  loop
    perform platform.make_partition(v_part.table_name, v_part.name,
      format('for values from (%s) to (%s)', v_part.first_id, v_part.end_id));
    if v_part.kind = 'ledger' then
      execute format('create trigger %I before truncate on %s execute function platform.refuse_change()',
        split_part(v_part.name, '.', 2) || '_is_kept', v_part.name);
    end if;
    insert into platform.partition (table_name, sequence_name, n, name, changed_at)
    values (v_part.table_name, v_part.sequence_name, v_part.n, v_part.name, platform.clock());
    v_made := v_made + 1;
  end loop;
  return v_made;
end
$$;

-- Says to which month the open ranges belong, and passes over what is left of those whose month has turned, at most `p_chunk` ids
-- of each sequence. Returns how many ids are still to be passed over: call again until it is 0.
create or replace function platform.turn_partitions(p_chunk integer) returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_left bigint := 0;
  v_month date;
  v_now timestamptz;
  v_last bigint;
  v_sequence text;
  v_range platform.id_range;
begin
  -- One job at a time: two would pass over twice as much.
  if not pg_try_advisory_xact_lock(72707370) then
    return 0;
  end if;
  v_now := platform.clock();
  v_month := platform.this_month();
  for v_sequence in select distinct sequence_name from platform.partitioned_table order by sequence_name loop
    v_last := platform.last_id(v_sequence);
    -- What begins now belongs to this month, however long nobody draws from it.
    update platform.id_range set month = v_month
    where sequence_name = v_sequence and (first_id = v_last + 1 or (v_last is null and n = 0)) and month is distinct from v_month;
    continue when v_last is null;
    update platform.id_range
    set month = coalesce(month, v_month), used = coalesce(used, end_id - first_id), closed_at = v_now
    where sequence_name = v_sequence and closed_at is null and end_id <= v_last + 1;

    update platform.id_range
    set month = coalesce(month, v_month), used = case when month < v_month then coalesce(used, v_last + 1 - first_id) end
    where sequence_name = v_sequence and closed_at is null and first_id <= v_last and (month is null or month < v_month)
    returning * into v_range;
    continue when not found or v_range.month = v_month;

    -- Ids that others draw meanwhile count as well, so this may pass the end by as many; the next range takes them.
    perform nextval(v_sequence::regclass) from generate_series(1, least(p_chunk, v_range.end_id - 1 - v_last));
    v_last := platform.last_id(v_sequence);
    update platform.id_range set closed_at = v_now
    where sequence_name = v_sequence and n = v_range.n and end_id <= v_last + 1;
    update platform.id_range set month = v_month
    where sequence_name = v_sequence and n = v_range.n + 1 and v_range.end_id <= v_last + 1;
    v_left := v_left + greatest(0, v_range.end_id - 1 - v_last);
  end loop;
  return v_left;
end
$$;

-- Marks the partitions that may go: of a table that is retained, closed, and the newest row so many days old. The newest row is
-- looked for once, when the range has been closed for as long. Returns what is marked, also by runs before that did not end.
create or replace function platform.retire_partitions(p_days integer) returns setof text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_part record;
  v_newest timestamptz;
begin
  for v_part in
    select p.table_name, p.n, p.name, t.time_column, r.closed_at, d.kept_since
    from platform.partition p
    join platform.partitioned_table t on t.table_name = p.table_name
    join platform.id_range r on r.sequence_name = p.sequence_name and r.n = p.n,
      lateral (select platform.clock() - greatest(coalesce(t.retained_days, p_days), 3) * interval '1 day' as kept_since) d
    where t.kind = 'retained' and p.state = 'attached' and r.closed_at <= d.kept_since
      and (p.newest_at is null or p.newest_at <= d.kept_since)
    order by p.name
  loop
    execute format('select max(%I) from %s', v_part.time_column, v_part.name) into v_newest;
    update platform.partition
    set newest_at = v_newest,
      state = case when coalesce(v_newest, v_part.closed_at) <= v_part.kept_since then 'retiring' else state end,
      changed_at = platform.clock()
    where table_name = v_part.table_name and n = v_part.n and state = 'attached';
  end loop;
  return query select name from platform.partition where state = 'retiring' order by name;
end
$$;

-- Drops a partition that is marked and detached; returns whether it was there to be dropped. Refuses every other table, and all of
-- the ledger, whatever the catalogue says.
create or replace function platform.drop_partition(p_name text) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  if not exists (
    select
    from platform.partition p
    join platform.partitioned_table t on t.table_name = p.table_name
    where p.name = p_name and p.state in ('retiring', 'dropped') and t.kind = 'retained' and p.name not like 'ledger.%')
  then
    raise exception '% is not to be dropped: only partitions of retained tables are, when they are old', p_name
      using errcode = 'restrict_violation';
  end if;
  if exists (select from pg_catalog.pg_inherits where inhrelid = to_regclass(p_name)) then
    raise exception '% is still attached', p_name using errcode = 'object_not_in_prerequisite_state';
  end if;
  update platform.partition set state = 'dropped', changed_at = platform.clock() where name = p_name and state = 'retiring';
  if not found then
    return false;
  end if;
  execute format('drop table if exists %s', p_name);
  return true;
end
$$;

-- Empty partitions that others made, the first migration or a restore, and those of a table that has got an index since: made again
-- whenever functions are installed, so that the primary key comes last there too. Whoever writes to the table waits until these stand.
do $$
declare
  v_part record;
  v_is_empty boolean;
begin
  for v_part in
    select t.table_name, c.oid::regclass::text as name, pg_get_expr(c.relpartbound, c.oid) as bound
    from platform.partitioned_table t
    join pg_catalog.pg_inherits a on a.inhparent = t.table_name::regclass and not a.inhdetachpending
    join pg_catalog.pg_class c on c.oid = a.inhrelid
    join pg_catalog.pg_index k on k.indrelid = c.oid and k.indisprimary
    where pg_relation_size(c.oid) = 0
      and exists (
        select
        from pg_catalog.pg_index i
        where i.indrelid = c.oid and i.indexrelid > k.indexrelid and k.indkey[0] = any (i.indkey::smallint[]))
    order by name
  loop
    execute format('lock table %s in access exclusive mode', v_part.table_name);
    execute format('select not exists (select from %s)', v_part.name) into v_is_empty;
    if v_is_empty then
      execute format('drop table %s', v_part.name);
      perform platform.make_partition(v_part.table_name, v_part.name, v_part.bound);
    end if;
  end loop;
end
$$;
