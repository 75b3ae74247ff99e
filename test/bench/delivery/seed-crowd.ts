import { post, SERVICE, type BenchMarket, type Party } from '../seed.js';

const OWNERS = 10;
const FUNDS = '1000000000';

/** Two sides of as many agents each, every side spread over ten owners: those who call, and those who have a service. */
export async function seedCrowd(url: string, adminKey: string, agentsASide: number): Promise<BenchMarket> {
  const perOwner = agentsASide / OWNERS;
  const side = (name: string, funds: boolean): Promise<Party[][]> =>
    Promise.all(Array.from({ length: OWNERS }, (_, n) => ownerWith(`${name} ${String(n)}`, perOwner, funds)));

  const ownerWith = async (name: string, agents: number, funds: boolean): Promise<Party[]> => {
    const { owner, key: ownerKey } = await post(url, '/admin/owners', adminKey, { name });
    if (funds) {
      const deposit = { ownerId: owner.id, amount: FUNDS, reference: 'bench', idempotencyKey: `crowd-${name}` };
      await post(url, '/admin/deposits', adminKey, deposit);
    }
    const parties: Party[] = [];
    for (let n = 0; n < agents; n += 1) {
      const { agent, key } = await post(url, '/owner/agents', ownerKey.key, { name: `${name} ${String(n)}` });
      parties.push({ agentId: agent.id, ownerId: owner.id, keyId: key.id, key: key.key });
    }
    return parties;
  };

  const callers = (await side('callers', true)).flat();
  const providers = await Promise.all(
    (await side('providers', false)).map(async (parties) => {
      const own: BenchMarket['providers'] = [];
      for (const party of parties) {
        // An owner has one service of a title: the same one again would be the first agent's.
        const service = { ...SERVICE, title: `Word counter ${String(party.agentId)}` };
        const { id } = await post(url, '/agent/me/services', party.key, service);
        own.push({ ...party, serviceId: id });
      }
      return own;
    }),
  );
  return { callers, providers: providers.flat() };
}
