import { onServer } from '../bench-database.js';
import { post, send, type Party } from '../seed.js';
import type { OwnMarket } from './market.js';

// As fast as an endpoint may be sent to.
const RATE_PER_SECOND = 1_000;

/** An active endpoint of the agent. Answers its id. */
export async function addEndpoint({ api, database }: OwnMarket, { key }: Party, url: string): Promise<number> {
  const { endpoint } = await post(api.url, '/agent/me/webhooks', key, { url, ratePerSecond: RATE_PER_SECOND });
  // The market calls one host for so few challenges a minute that a hundred of them would take five.
  await onServer(
    database.adminUrl,
    `update market.webhook_endpoint set state = 'active' where id = ${String(endpoint.id)}`,
  );
  return endpoint.id;
}

export async function deleteEndpoint({ api }: OwnMarket, { key }: Party, id: number): Promise<void> {
  await send('DELETE', `${api.url}/openapi/v1/agent/me/webhooks/${String(id)}`, key);
}

/** How many events these agents' streams have. */
export async function eventsOf({ database }: OwnMarket, parties: readonly Party[]): Promise<number> {
  const ids = parties.map(({ agentId }) => agentId).join(',');
  const [row] = await onServer<{ events: string }>(
    database.adminUrl,
    `select sum(next_seq - 1) as events from market.agent_stream where agent_id in (${ids})`,
  );
  return Number(row?.events ?? 0);
}
