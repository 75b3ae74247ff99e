import type { ClientOptions } from 'ws';
import { createLog, openPlatform, type Platform } from '#platform';
import { startApi, type Api } from '../../apps/api/api.js';
import { AgentGateway } from '#gateway';
import { Owners } from '#owners';
import type { LiveSocket } from '../../libs/gateway/live-socket.js';
import { Sockets } from '../../libs/gateway/sockets.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { Client, raw, upgradeRequest } from './client.js';

export type Agent = { id: number; key: string; keyId: number; ownerKey: string };
export type Shop = { provider: Agent; caller: Agent; serviceId: number };

const TEXT = { text: 'x' };
const ADMIN_KEY = 'admin-key-of-the-gateway-tests-0123456789';

/** One api process on a database that others may share. */
export class Node {
  private constructor(
    readonly api: Api,
    readonly platform: Platform,
    readonly lines: string[],
  ) {}

  static async start(database: TestDatabase, env: Record<string, string> = {}): Promise<Node> {
    const lines: string[] = [];
    const log = createLog('info', { write: (line: string) => void lines.push(line) });
    const platform = openPlatform(database.config({ C4C_ADMIN_KEY: ADMIN_KEY, ...env }), log);
    const api = await startApi(platform);
    await api.app.get(Owners).ensureAdminKey(() => undefined);
    return new Node(api, platform, lines);
  }

  get port(): number {
    return Number(new URL(this.api.url).port);
  }

  get gateway(): AgentGateway {
    return this.api.app.get(AgentGateway);
  }

  async call<T>(key: string, method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${String(this.port)}/openapi/v1${path}`, {
      method,
      headers: { 'x-api-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { data: T };
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer.data;
  }

  async close(): Promise<void> {
    await this.api.close();
    await this.platform.close();
  }
}

/** An api process on a database of its own, and the people of a market. */
export class Market {
  private owners = 0;

  private readonly clients: Client[] = [];
  private other: Node | undefined;

  private constructor(
    readonly database: TestDatabase,
    readonly node: Node,
    private readonly env: Record<string, string>,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<Market> {
    const database = await createTestDatabase();
    return new Market(database, await Node.start(database, env), env);
  }

  /** Another api process on the same database. Without a Redis the two do not hear each other's hints. */
  async elsewhere(): Promise<Node> {
    this.other ??= await Node.start(this.database, this.env);
    return this.other;
  }

  async open(agent: Agent, options: ClientOptions = {}, query = '', at: Node = this.node): Promise<Client> {
    const client = await Client.open(at.port, agent.key, options, query);
    this.clients.push(client);
    return client;
  }

  /** A client of `c4c.v1` that has said hello. */
  async greet(agent: Agent, hello: object = {}, at: Node = this.node): Promise<Client> {
    const client = await Client.open(at.port, agent.key, {}, '', ['c4c.v1']);
    this.clients.push(client);
    client.send({ type: 'hello', ...hello });
    await client.until(() => client.welcome !== undefined);
    return client;
  }

  /** Another promise of the shop's service: the deadline is twice that. */
  async promise({ provider, serviceId }: Shop, avgResponseMs: number): Promise<void> {
    await this.node.call(provider.key, 'PATCH', `/agent/me/services/${String(serviceId)}`, { avgResponseMs });
  }

  /** The server's ends of the agent's sockets. */
  socketsOf(agent: Agent): LiveSocket[] {
    return this.node.api.app.get(Sockets, { strict: false }).of(BigInt(agent.id));
  }

  /** Bytes that the server holds for them. */
  buffered(agent: Agent): number {
    return this.socketsOf(agent).reduce((sum, { ws }) => sum + ws.bufferedAmount, 0);
  }

  /** Ends the clients of a test. */
  hangUp(): void {
    for (const client of this.clients.splice(0)) client.ws.terminate();
  }

  /** A bare upgrade request; what comes back as text. */
  knock(headers: Record<string, string>, path = '/ws', silenceMs?: number): Promise<string> {
    return raw(this.port, upgradeRequest(path, headers), silenceMs);
  }

  get port(): number {
    return this.node.port;
  }

  async agent(scopes?: string[]): Promise<Agent> {
    this.owners += 1;
    const { owner, key: ownerKey } = await this.node.call<{ owner: { id: number }; key: { key: string } }>(
      ADMIN_KEY,
      'POST',
      '/admin/owners',
      {
        name: `owner ${String(this.owners)}`,
      },
    );
    const deposit = { ownerId: owner.id, amount: '1000', reference: 'test', idempotencyKey: `d${String(this.owners)}` };
    await this.node.call(ADMIN_KEY, 'POST', '/admin/deposits', deposit);
    const made = await this.node.call<{ agent: { id: number }; key: { id: number; key: string } }>(
      ownerKey.key,
      'POST',
      '/owner/agents',
      {
        name: `agent ${String(this.owners)}`,
        category: 'research',
      },
    );
    const { id } = made.agent;
    const key =
      scopes === undefined
        ? made.key
        : await this.node.call<{ id: number; key: string }>(ownerKey.key, 'POST', `/owner/agents/${String(id)}/keys`, {
            scopes,
          });
    return { id, key: key.key, keyId: key.id, ownerKey: ownerKey.key };
  }

  /** A provider with a service, and somebody who can pay for it. */
  async shop(scopes?: string[]): Promise<Shop> {
    const [provider, caller] = [await this.agent(), await this.agent()];
    const { id } = await this.node.call<{ id: number }>(provider.key, 'POST', '/agent/me/services', {
      title: 'Echo',
      description: 'Says it again',
      category: 'research',
      price: '0.01',
      avgResponseMs: 60_000,
      maxPending: 10_000,
      maxPendingPerCaller: 10_000,
    });
    const shop = { provider, caller, serviceId: id };
    if (scopes === undefined) return shop;
    const key = await this.node.call<{ id: number; key: string }>(
      provider.ownerKey,
      'POST',
      `/owner/agents/${String(provider.id)}/keys`,
      { scopes },
    );
    return { ...shop, provider: { ...provider, key: key.key, keyId: key.id } };
  }

  async invoke(
    { caller, serviceId }: Shop,
    { at = this.node, input = TEXT }: { at?: Node; input?: object } = {},
  ): Promise<number> {
    const made = await at.call<{ invocationId: number }>(caller.key, 'POST', '/agent/me/service-invocations', {
      serviceId,
      input,
    });
    return made.invocationId;
  }

  async submit({ provider }: Shop, invocationId: number): Promise<void> {
    const body = { status: 'completed', output: { text: 'y' } };
    await this.node.call(provider.key, 'POST', `/agent/me/service-invocations/${String(invocationId)}/submit`, body);
  }

  async revoke(agent: Agent, at = this.node): Promise<void> {
    await at.call(agent.ownerKey, 'DELETE', `/owner/agents/${String(agent.id)}/keys/${String(agent.keyId)}`);
  }

  async freeze(agent: Agent, at = this.node): Promise<void> {
    await at.call(agent.ownerKey, 'POST', `/owner/agents/${String(agent.id)}/freeze`, { reason: 'test' });
  }

  /** What the database says of an invocation's way to its provider. */
  async phase(invocationId: number): Promise<'queued' | 'handed_over' | 'acknowledged'> {
    const { rows } = await this.database.pool.query<{ handed: boolean; acknowledged: boolean }>(
      'select handed_over_at is not null as handed, acknowledged_at is not null as acknowledged from market.invocation where id = $1',
      [invocationId],
    );
    return rows[0]?.acknowledged === true ? 'acknowledged' : rows[0]?.handed === true ? 'handed_over' : 'queued';
  }

  async close(): Promise<void> {
    this.hangUp();
    await Promise.all([this.node.close(), this.other?.close()]);
    await this.database.drop();
  }
}
