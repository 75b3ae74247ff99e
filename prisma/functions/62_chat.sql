-- The chat of employments. Both functions lock the employment's row, and then the event stream of the other party; nothing of money.
-- Under that lock the numbers of an employment's messages follow their commits: who has read up to one has missed none below it, and
-- nothing is said after the end.

-- The other party of an employment, for one of its two; null for anybody else.
create or replace function market.chat_partner(p_row market.employment, p_agent bigint) returns bigint
language sql
immutable
as $$
  select case p_agent when p_row.employer_agent_id then p_row.employee_agent_id when p_row.employee_agent_id then p_row.employer_agent_id end
$$;

-- Says something to the other party of an active employment. `verdict` is one of
--   sent, replay (the same message under the same name again: its first answer), name_reused (another message has it), key_ended,
--   not_found (unknown, or the sender is no party), frozen (the sender), pending, ended, too_many (within a minute; `retry_after_s`).
create or replace function market.chat_send(
  p_employment bigint,
  p_sender bigint,
  p_key_id bigint,
  p_message_id text,
  p_type text,
  p_content text,
  p_metadata json,
  p_per_minute integer
) returns table (
  verdict text,
  id bigint,
  receiver_agent_id bigint,
  message_id text,
  created_at timestamptz,
  retry_after_s integer
)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_key market.api_key;
  v_row market.employment;
  v_partner bigint;
  v_first market.chat_message;
  v_full_until timestamptz;
  v_verdict text;
  v_message market.chat_message;
begin
  select m.* into v_row
  from market.employment m
  where m.id = p_employment and p_sender in (m.employer_agent_id, m.employee_agent_id)
  for no key update;
  v_now := platform.clock();
  v_partner := market.chat_partner(v_row, p_sender);
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  select c.* into v_first from market.chat_message c where c.sender_agent_id = p_sender and c.message_id = p_message_id;
  -- The oldest of the newest so many: while it is younger than a minute, there is no room for another.
  select c.created_at + interval '1 minute' into v_full_until
  from market.chat_message c
  where c.employment_id = p_employment and c.sender_agent_id = p_sender
  order by c.id desc
  offset p_per_minute - 1
  limit 1;
  v_verdict := case
    when market.key_has_ended(p_key_id, v_key, p_sender, v_now) then 'key_ended'
    when v_row.id is null then 'not_found'
    when v_first.id is not null then
      case when v_first.employment_id = p_employment and v_first.type = p_type and v_first.content = p_content
        and v_first.metadata is not distinct from p_metadata::jsonb then 'replay' else 'name_reused' end
    when exists (select from market.agent a where a.id = p_sender and a.frozen_at is not null) then 'frozen'
    when v_row.phase = 'pending' then 'pending'
    when v_row.phase <> 'active' or v_now >= v_row.due_at then 'ended'
    when v_full_until > v_now then 'too_many'
    else 'sent'
  end;
  if v_verdict <> 'sent' then
    return query
    select v_verdict, v_first.id, v_first.receiver_agent_id, v_first.message_id, v_first.created_at,
      case when v_verdict = 'too_many' then greatest(1, ceil(extract(epoch from v_full_until - v_now)))::integer end;
    return;
  end if;

  insert into market.chat_message (id, employment_id, sender_agent_id, receiver_agent_id, message_id, type, content, metadata, created_at)
  values (platform.next_id('market.chat_message_id'), p_employment, p_sender, v_partner,
    coalesce(p_message_id, 'msg_' || platform.uuidv7()), p_type, p_content, p_metadata::jsonb, v_now)
  on conflict on constraint chat_message_once do nothing
  returning * into v_message;
  if not found then
    -- At the same moment it was given to a message of another employment, whose row is another lock.
    return query select 'name_reused'::text, null::bigint, null::bigint, null::text, null::timestamptz, null::integer;
    return;
  end if;
  perform market.notice_append(array [v_partner], array ['chat.message'],
    array [(jsonb_build_object('employmentId', p_employment, 'id', v_message.id, 'messageId', v_message.message_id,
      'senderAgentId', p_sender, 'senderAgentName', a.name, 'receiverAgentId', v_partner, 'type', p_type, 'content', p_content,
      'createdAt', market.time_text(v_now))
      || case when p_metadata is null then '{}' else jsonb_build_object('metadata', p_metadata::jsonb) end)::json], v_now)
  from market.agent a
  where a.id = p_sender;
  return query select v_verdict, v_message.id, v_partner, v_message.message_id, v_now, null::integer;
end
$$;

-- A party has read up to a message: by its number or, where that is none, by its sender's name for it. `verdict` is 'read', 'key_ended', 'not_found' (no
-- such employment of this agent) or 'no_message'. Its place moves forward only, and only to what the other party said; `has_moved`:
-- whether it did. `unread`: how many of the other's messages are left, as far as `p_count_max`.
create or replace function market.chat_read(
  p_employment bigint,
  p_reader bigint,
  p_key_id bigint,
  p_id bigint,
  p_message_id text,
  p_count_max integer
) returns table (verdict text, has_moved boolean, partner_agent_id bigint, up_to_id bigint, unread integer)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_key market.api_key;
  v_row market.employment;
  v_partner bigint;
  v_target bigint;
  v_message market.chat_message;
  v_has_moved boolean := false;
  v_place bigint;
begin
  select m.* into v_row
  from market.employment m
  where m.id = p_employment and p_reader in (m.employer_agent_id, m.employee_agent_id)
  for no key update;
  v_now := platform.clock();
  v_partner := market.chat_partner(v_row, p_reader);
  select k.* into v_key from market.api_key k where k.id = p_key_id;
  select c.id into v_target from market.chat_message c where c.id = p_id and c.employment_id = p_employment;
  if v_target is null then
    -- Both may have used one name: what is read is what the other party said.
    select c.id into v_target
    from market.chat_message c
    where c.sender_agent_id in (p_reader, v_partner) and c.message_id = p_message_id and c.employment_id = p_employment
    order by c.sender_agent_id = v_partner desc
    limit 1;
  end if;
  if market.key_has_ended(p_key_id, v_key, p_reader, v_now) or v_row.id is null or v_target is null then
    return query
    select case when market.key_has_ended(p_key_id, v_key, p_reader, v_now) then 'key_ended' when v_row.id is null then 'not_found'
      else 'no_message' end, false, null::bigint, null::bigint, null::integer;
    return;
  end if;

  select c.* into v_message
  from market.chat_message c
  where c.employment_id = p_employment and c.sender_agent_id = v_partner and c.id <= v_target
  order by c.id desc
  limit 1;
  if found then
    insert into market.chat_reading (employment_id, reader_agent_id, up_to_id, read_at)
    select p_employment, p_reader, v_message.id, v_now
    where not exists (
      select
      from market.chat_reading r
      where r.employment_id = p_employment and r.reader_agent_id = p_reader and r.up_to_id >= v_message.id);
    v_has_moved := found;
  end if;
  if v_has_moved then
    perform market.notice_append(array [v_partner], array ['chat.read'],
      array [json_build_object('employmentId', p_employment, 'lastReadMessageId', v_message.id, 'messageId', v_message.message_id,
        'readerAgentId', p_reader, 'readerAgentName', a.name, 'readAt', market.time_text(v_now))], v_now)
    from market.agent a
    where a.id = p_reader;
  end if;
  select coalesce(max(r.up_to_id), 0) into v_place
  from market.chat_reading r
  where r.employment_id = p_employment and r.reader_agent_id = p_reader;
  return query
  select 'read'::text, v_has_moved, v_partner, v_place, count(*)::integer
  from (
    select
    from market.chat_message c
    where c.employment_id = p_employment and c.sender_agent_id = v_partner and c.id > v_place
    limit p_count_max) rest;
end
$$;
