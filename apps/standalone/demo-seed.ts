import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentStore } from '#agents';
import { Treasury } from '#escrow';
import { parseShells } from '#kernel';
import { hashKey, hintOf, KeyRing, KeyStore, OwnerStore, SCOPES } from '#owners';
import { Database, type Config, type Tx } from '#platform';
import { demoParties, freshDemoKey, keepDemoParties, type DemoParty } from './demo-keys.js';
import { writePrivate } from './home.js';
import type { Market } from './market.js';

/** What `dev.json` says. */
export type DevFile = {
  endpoint: string;
  owners: { id: number; name: string; key: string }[];
  agents: { id: number; name: string; ownerId: number; key: string }[];
};

type Ids = { ownerId: bigint; agentId: bigint };

const FUNDING_KEY = 'demo-funding';
const FILE = 'dev.json';

/** Makes sure that the demo's owners, agents and funds exist once, and writes dev.json. Every part may be repeated. */
export async function seedDemo(market: Pick<Market, 'app'>, config: Config, endpoint: string): Promise<DevFile> {
  const dev: DevFile = { endpoint, owners: [], agents: [] };
  const parties = await demoParties(config.home);
  for (const party of parties) {
    const keepKeys = (): Promise<void> => keepDemoParties(config.home, parties);
    const { ownerId, agentId } = await ensureParty(market.app, config.secret, party, keepKeys);
    await market.app
      .get(Treasury)
      .depositToSelf({ kind: 'owner', keyId: 0n, ownerId, isSession: false }, parseShells(party.funds), FUNDING_KEY);
    dev.owners.push({ id: Number(ownerId), name: party.owner.name, key: party.owner.key });
    dev.agents.push({ id: Number(agentId), name: party.agent.name, ownerId: Number(ownerId), key: party.agent.key });
  }
  await writePrivate(join(config.home, FILE), `${JSON.stringify(dev, null, 2)}\n`);
  return dev;
}

/** Without the demo nothing may look as if there were one. */
export async function forgetDemo(home: string): Promise<void> {
  await rm(join(home, FILE), { force: true });
}

async function ensureParty(
  app: Market['app'],
  secret: string,
  party: DemoParty,
  keepKeys: () => Promise<void>,
): Promise<Ids> {
  const ring = app.get(KeyRing);
  const [owner, agent] = await Promise.all([ring.authenticate(party.owner.key), ring.authenticate(party.agent.key)]);
  if (agent?.kind === 'agent' && owner?.kind === 'owner') return agent;
  const known: Partial<Ids> = {
    ...(owner?.kind === 'owner' ? { ownerId: owner.ownerId } : {}),
    ...(agent?.kind === 'agent' ? { ownerId: agent.ownerId, agentId: agent.agentId } : {}),
  };
  // Somebody revoked or rotated one of the two: it gets a successor, drawn and kept before it is inserted.
  if (known.ownerId !== undefined) {
    if (owner === undefined) party.owner.key = freshDemoKey('owner');
    if (agent === undefined) party.agent.key = freshDemoKey('agent');
    await keepKeys();
  }
  return insertMissing(app, secret, party, {
    ...known,
    hasOwnerKey: owner !== undefined,
    hasAgentKey: agent !== undefined,
  });
}

/** Owner, agent and both keys in one transaction: all there or nothing. */
async function insertMissing(
  app: Market['app'],
  secret: string,
  { owner, agent }: DemoParty,
  known: Partial<Ids> & { hasOwnerKey: boolean; hasAgentKey: boolean },
): Promise<Ids> {
  const agents = app.get(AgentStore);
  const keys = app.get(KeyStore);
  const named = (key: string): { name: string; hash: Buffer; hint: string } => ({
    name: 'demo',
    hash: hashKey(key, secret),
    hint: hintOf(key),
  });
  const namesake = known.ownerId === undefined ? undefined : await findAgent(agents, known.ownerId, agent.name);
  return app.get(Database).inTransaction(async (tx: Tx) => {
    const ownerId = known.ownerId ?? (await app.get(OwnerStore).insert(tx, owner.name)).id;
    const agentId =
      known.agentId ??
      namesake ??
      (await agents.insert(tx, ownerId, { name: agent.name, description: agent.description }));
    if (!known.hasOwnerKey) await keys.insert(tx, { kind: 'owner', ownerId, scopes: [], ...named(owner.key) });
    if (!known.hasAgentKey)
      await keys.insert(tx, { kind: 'agent', ownerId, agentId, scopes: SCOPES, ...named(agent.key) });
    return { ownerId, agentId };
  });
}

async function findAgent(agents: AgentStore, ownerId: bigint, name: string): Promise<bigint | undefined> {
  const { agents: found } = await agents.listOfOwner(ownerId, 1, 100);
  return found.find((agent) => agent.name === name)?.id;
}
