-- The end of what logins leave behind. Written with care for keys: the application cannot delete any but by this function.

-- Throws away sessions and invitations that ended more than so many days ago, and attempts that no longer count; at most so many of each.
create or replace function market.purge_logins(p_days integer, p_max integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_before timestamptz := platform.clock() - greatest(p_days, 1) * interval '1 day';
  v_count bigint;
  v_sum bigint := 0;
begin
  delete from market.api_key
  where id in (
    select k.id from market.api_key k
    where k.kind = 'session' and k.expires_at < v_before
    order by k.expires_at
    limit p_max);
  get diagnostics v_count = row_count;
  v_sum := v_sum + v_count;

  delete from market.invitation
  where id in (
    select i.id from market.invitation i
    where i.expires_at < v_before
    order by i.expires_at
    limit p_max);
  get diagnostics v_count = row_count;
  v_sum := v_sum + v_count;

  delete from market.login_attempt
  where login_hash in (
    select l.login_hash from market.login_attempt l
    where l.since < platform.clock() - interval '1 hour'
    order by l.since
    limit p_max
    for update skip locked);
  get diagnostics v_count = row_count;
  return v_sum + v_count;
end
$$;
