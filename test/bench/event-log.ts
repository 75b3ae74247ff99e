import { onServer } from './bench-database.js';

const NOTHING = `create or replace function market.event_append(
  p_agent_ids bigint[], p_types text[], p_invocation_ids bigint[], p_now timestamptz
) returns void language plpgsql security definer set search_path = '' as $$ begin end $$`;

/**
 * Lets something run while the function that appends events does nothing. What it left out is written in afterwards, since every
 * invocation is announced to its provider once (docs/money.md).
 */
export async function withoutEvents<R>(adminUrl: string, run: () => Promise<R>): Promise<R> {
  const [real] = await onServer<{ text: string; since: string }>(
    adminUrl,
    `select pg_get_functiondef('market.event_append'::regproc) as text, platform.clock()::text as since`,
  );
  if (real === undefined) throw new Error('market.event_append is not there');
  await onServer(adminUrl, NOTHING);
  try {
    return await run();
  } finally {
    await onServer(adminUrl, real.text);
    await onServer(adminUrl, writeInSince(real.since));
  }
}

function writeInSince(since: string): string {
  return `select market.event_append(array_agg(i.provider_agent_id order by i.id), array_agg('invocation.invoked'::text),
      array_agg(i.id order by i.id), platform.clock())
    from market.invocation i
    left join market.agent_event e on e.invocation_id = i.id and e.agent_id = i.provider_agent_id
      and e.type = 'invocation.invoked' and e.created_at >= '${since}'
    where i.created_at >= '${since}' and e.invocation_id is null
    having count(*) > 0`;
}
