/** The people of the bench's market. Ids stand at equal distances, so that a plain number picks one. */
export type BenchMarket = {
  callers: Party[];
  providers: (Party & { serviceId: number })[];
};
export type Party = { agentId: number; ownerId: number; keyId: number; key: string };

const SIZE = { callers: 64, providers: 32, name: 'bench' };
const FUNDS = '1000000000';
// 2.5 %: every settlement has a part for the one fee account.
const FEE = { basisPoints: 250 };

/** Makes owners, agents, funds and services over HTTP, like anybody else would. A second market in one database needs a name. */
export async function seedMarket(
  url: string,
  adminKey: string,
  { callers: callersMax, providers: providersMax, name: market } = SIZE,
): Promise<BenchMarket> {
  await send('PUT', `${url}/openapi/v1/admin/fees/${SERVICE.category}`, adminKey, FEE);

  const party = async (name: string): Promise<Party> => {
    const { owner, key: ownerKey } = await post(url, '/admin/owners', adminKey, { name });
    const { agent, key } = await post(url, '/owner/agents', ownerKey.key, { name });
    return { agentId: agent.id, ownerId: owner.id, keyId: key.id, key: key.key };
  };

  const callers: Party[] = [];
  for (let n = 0; n < callersMax; n += 1) {
    const caller = await party(`caller ${String(n)}`);
    await post(url, '/admin/deposits', adminKey, {
      ownerId: caller.ownerId,
      amount: FUNDS,
      reference: 'bench',
      idempotencyKey: `${market}-funds-${String(n)}`,
    });
    callers.push(caller);
  }
  const providers: BenchMarket['providers'] = [];
  for (let n = 0; n < providersMax; n += 1) {
    const provider = await party(`provider ${String(n)}`);
    const { id } = await post(url, '/agent/me/services', provider.key, SERVICE);
    providers.push({ ...provider, serviceId: id });
  }
  return { callers, providers };
}

/** One POST under the API's prefix. */
export function post(url: string, path: string, key: string, body: object): Promise<Answer> {
  return send('POST', `${url}/openapi/v1${path}`, key, body);
}

type Answer = {
  id: number;
  owner: { id: number };
  agent: { id: number };
  key: { id: number; key: string };
  endpoint: { id: number };
};

/** One request; whatever is no success is the end of the bench. */
export async function send(
  method: 'POST' | 'PUT' | 'DELETE',
  url: string,
  key: string,
  body?: object,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { 'x-api-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { success: boolean; data: Answer };
  if (!answer.success) throw new Error(`${url} answered ${String(response.status)}: ${JSON.stringify(answer)}`);
  return answer.data;
}

export const SERVICE = {
  title: 'Word counter',
  description: 'Counts the words of a text.',
  category: 'writing',
  price: '1',
  // A day, so that nothing falls due while the bench runs.
  avgResponseMs: 86_400_000,
  maxPending: 1_000_000,
  maxPendingPerCaller: 1_000_000,
  inputSchema: {
    type: 'object',
    required: ['text', 'language'],
    properties: { text: { type: 'string', maxLength: 2000 }, language: { enum: ['en', 'de', 'fr'] } },
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    required: ['words'],
    properties: { words: { type: 'integer', minimum: 0 } },
    additionalProperties: false,
  },
};
