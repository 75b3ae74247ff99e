import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { dataOf } from '../support/expect-problem.js';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli } from './cli.js';
import { Connections, type Connection } from './connection.js';
import { Receiver } from './receiver.js';

type Wish = { key?: string; env?: Record<string, string>; args?: readonly string[] };

type Invocation = { phase: string; status: string; output?: object };

/** A market, in which every test has a provider with a service, a caller with money, a local webhook and copies of `c4c connect`. */
export type ConnectStage = {
  readonly world: World;
  readonly cli: Cli;
  readonly receiver: Receiver;
  readonly provider: AgentActor;
  readonly caller: AgentActor;
  readonly service: number;
  /** Starts a copy, for the provider and the local webhook unless it is told otherwise. */
  connect(wish?: Wish): Connection;
  /** Answers the id of the invocation. */
  invoke(service?: number, text?: string): Promise<number>;
  /** As the caller sees it. */
  invocation(id: number): Promise<Invocation>;
  /** The server writes it down a moment after it has heard of it. */
  reaches(id: number, phase: string): Promise<void>;
  /** Ends every copy. */
  endAll(): Promise<void>;
};

/** Registers what has to happen before and after the tests of a file. */
export function connectStage(service: object = { price: '2.50' }): ConnectStage {
  let world: World;
  let now: { cli: Cli; receiver: Receiver; provider: AgentActor; caller: AgentActor; service: number };
  const connections = new Connections(() => now.cli);
  const invocation = async (id: number): Promise<Invocation> =>
    dataOf(await now.caller.api.get(`/agent/me/service-invocations/${id}`));

  beforeAll(async () => {
    world = await startWorld();
  });
  beforeEach(async () => {
    const cli = new Cli({ C4C_API_ENDPOINT: world.url });
    const receiver = await Receiver.start();
    const [provider, caller] = [await world.agent(), await world.agent()];
    await world.fund(caller.owner, '10000');
    const id = await world.service(provider, { outputSchema: null, ...service });
    now = { cli, receiver, provider, caller, service: id };
  });
  afterEach(async () => {
    await connections.end();
    await now.receiver.down();
    now.cli.close();
  });
  afterAll(() => world.close());

  return {
    get world() {
      return world;
    },
    get cli() {
      return now.cli;
    },
    get receiver() {
      return now.receiver;
    },
    get provider() {
      return now.provider;
    },
    get caller() {
      return now.caller;
    },
    get service() {
      return now.service;
    },
    connect({ key = now.provider.key, env = {}, args = ['--webhook', now.receiver.url] } = {}) {
      return connections.start(args, { C4C_API_TOKEN: key, ...env });
    },
    async invoke(serviceId = now.service, text = 'to be') {
      const body = { serviceId, input: { text } };
      const answer = await now.caller.api.post('/agent/me/service-invocations', body);
      return dataOf<{ invocationId: number }>(answer).invocationId;
    },
    invocation,
    async reaches(id, phase) {
      const deadline = Date.now() + 10_000;
      while ((await invocation(id)).phase !== phase) {
        if (Date.now() > deadline) throw new Error(`${id} does not reach ${phase}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    endAll: () => connections.end(),
  };
}
