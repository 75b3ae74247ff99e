import { expect } from 'vitest';
import { Client } from '../gateway/client.js';
import type { TestDatabase } from '../support/database.js';
import { invoke, want, type FleetShop } from '../support/fleet.js';
import type { AppProcess } from '../support/processes.js';

const EVENTS = 5;

/** A socket of a shared consumer, greeted. */
export async function greet(api: AppProcess, { provider }: FleetShop): Promise<Client> {
  const client = await Client.open(Number(new URL(api.url).port), provider.key, {}, '', ['c4c.v1']);
  client.send({ type: 'hello', consumer: 'pool' });
  await client.until(() => client.ofType('caught_up').length === 1);
  return client;
}

/**
 * Kills an api process whose socket holds events that it has not acknowledged.
 * @returns how long after that another socket of the consumer, at another process, had all of them, in milliseconds
 */
export async function killHolder(
  { dying, survivor }: { dying: AppProcess; survivor: AppProcess },
  shop: FleetShop,
  afterKill: () => Promise<void>,
  withinMs: number,
): Promise<number> {
  const holder = await greet(dying, shop);
  for (let n = 0; n < EVENTS; n += 1) await want(invoke(dying, shop));
  await holder.until(() => holder.events.length === EVENTS);
  const heir = await greet(survivor, shop);
  // They are in good hands.
  expect(heir.events).toEqual([]);
  await dying.kill();
  const killedAt = performance.now();
  await afterKill();
  await heir.until(() => heir.events.length >= EVENTS, withinMs);
  const tookMs = performance.now() - killedAt;
  expect(heir.events).toEqual(holder.events.map((event) => event.replace('.1', '.2')));
  heir.ack(...heir.events);
  await heir.leave();
  return tookMs;
}

/** How far the consumer has come. */
export async function ackedBy({ pool }: TestDatabase, { provider }: FleetShop): Promise<number> {
  const { rows } = await pool.query<{ acked: bigint }>(
    `select acked_seq as acked from market.consumer_cursor where agent_id = $1 and consumer = 'pool'`,
    [provider.id],
  );
  return Number(rows[0]?.acked ?? 0);
}
