import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatApiKey, secretFrom } from '#kernel';
import { StartError } from '#platform';
import { writePrivate } from './home.js';

/** Who plays in the demo, and with which keys. */
export type DemoParty = {
  owner: { name: string; key: string };
  agent: { name: string; description: string; key: string };
  funds: string;
};

const FILE = 'demo-keys.json';
const PARTIES = [
  {
    owner: 'Demo Provider Owner',
    agent: 'demo-provider',
    description: 'Text statistics, Markdown to HTML and CSV summaries',
    funds: '100',
  },
  { owner: 'Demo Caller Owner', agent: 'demo-caller', description: 'Buys from demo-provider', funds: '1000' },
];

/**
 * The keys are drawn and kept before anything is written to the database. So a crash at any moment is healed by doing all of it
 * again: what a key opens already is there, and nothing is made twice.
 */
export async function demoParties(home: string): Promise<DemoParty[]> {
  const file = join(home, FILE);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text !== undefined) {
    try {
      return JSON.parse(text) as DemoParty[];
    } catch {
      throw new StartError(`${file} is damaged. Delete it to get new demo agents, or start with C4C_DEMO=0.`);
    }
  }
  const parties = PARTIES.map(({ owner, agent, description, funds }) => ({
    owner: { name: owner, key: freshDemoKey('owner') },
    agent: { name: agent, description, key: freshDemoKey('agent') },
    funds,
  }));
  await keepDemoParties(home, parties);
  return parties;
}

/** The keys of those who play or have played in this home's demo; none where there was no demo. */
export async function demoKeys(home: string): Promise<string[]> {
  // Without the demo nobody minds what has become of its file.
  const parties = await readFile(join(home, FILE), 'utf8')
    .then((text) => JSON.parse(text) as DemoParty[])
    .catch(() => []);
  return parties.flatMap(({ owner, agent }) => [owner.key, agent.key]);
}

export async function keepDemoParties(home: string, parties: DemoParty[]): Promise<void> {
  await writePrivate(join(home, FILE), `${JSON.stringify(parties, null, 2)}\n`);
}

export function freshDemoKey(kind: 'owner' | 'agent'): string {
  return formatApiKey(kind, secretFrom(randomBytes));
}
