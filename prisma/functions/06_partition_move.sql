-- Archived partitions of the ledger to a cheaper disk, for an operator who is the owner of the tables; docs/operations.md says how.
-- `alter table … set tablespace` would keep every reader of the table waiting while it copies.

-- The copy, beside the market: nobody waits for it.
create or replace function platform.copy_partition(p_name text, p_tablespace text) returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_rows bigint;
begin
  if not exists (select from platform.partition where name = p_name and state = 'archived') then
    raise exception '% is not an archived partition', p_name using errcode = 'object_not_in_prerequisite_state';
  end if;
  perform set_config('default_tablespace', p_tablespace, true);
  execute format('create table %s (like %s including all)', p_name || '_copy', p_name);
  execute format('insert into %s select * from %s', p_name || '_copy', p_name);
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;

-- The copy takes the partition's place and name, in one moment and only if it has the very same rows. Who writes meanwhile waits for
-- that moment, or goes on after 200 ms, when this gives up: then try again. What was the partition stands beside it as `…_old`.
create or replace function platform.exchange_partition(p_name text) returns text
language plpgsql
security definer
set search_path = ''
set lock_timeout = '200ms'
as $$
declare
  v_parent text;
  v_copy text := p_name || '_copy';
  v_old text := p_name || '_old';
  v_range platform.id_range;
  v_column text;
  v_other bigint;
begin
  select p.table_name into v_parent from platform.partition p where p.name = p_name and p.state = 'archived';
  if not found or to_regclass(v_copy) is null then
    raise exception '% is not an archived partition with a copy', p_name using errcode = 'object_not_in_prerequisite_state';
  end if;
  select r.* into v_range
  from platform.id_range r
  join platform.partition p on p.sequence_name = r.sequence_name and p.n = r.n
  where p.name = p_name;
  select a.attname into v_column
  from pg_catalog.pg_partitioned_table t
  join pg_catalog.pg_attribute a on a.attrelid = t.partrelid and a.attnum = t.partattrs[0]
  where t.partrelid = v_parent::regclass;

  -- Nobody writes to a month that is archived; should a settlement have come so late, the copy is not the same.
  execute format('lock table %s in share mode', p_name);
  execute format('select count(*) from (
    (select * from %1$s except all select * from %2$s) union all (select * from %2$s except all select * from %1$s)) d', p_name, v_copy)
  into v_other;
  if v_other > 0 then
    raise exception '% rows differ between % and its copy: drop the copy and make it again', v_other, p_name
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  -- Says what attaching would otherwise read every row for, while everybody waits.
  execute format('alter table %s add constraint copied_range check (%2$I is not null and %2$I >= %3$s and %2$I < %4$s)',
    v_copy, v_column, v_range.first_id, v_range.end_id);

  execute format('alter table %s detach partition %s', v_parent, p_name);
  execute format('alter table %s attach partition %s for values from (%s) to (%s)', v_parent, v_copy, v_range.first_id, v_range.end_id);
  execute format('alter table %s rename to %I', p_name, split_part(v_old, '.', 2));
  execute format('alter table %s rename to %I', v_copy, split_part(p_name, '.', 2));
  execute format('alter table %s drop constraint copied_range', p_name);
  execute format('create trigger %I before truncate on %s execute function platform.refuse_change()',
    split_part(p_name, '.', 2) || '_is_kept', p_name);
  return v_old;
end
$$;
