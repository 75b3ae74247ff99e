import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { EventLog, type AgentEvent, type StreamCursor } from '#events';
import { AgentGateway, GatewayModule, useGateway } from '#gateway';
import { KeyRing, type Principal } from '#owners';
import { Bus, createHttpApp, createLog, PlatformModule, type PlatformParts } from '#platform';
import { FrameSource, InvocationMarks, type NotificationFrame } from '../../libs/gateway/gateway.ports.js';

type Agent = { id: bigint; keyId: bigint; key: string; scopes: string[]; isFrozen: boolean; isRevoked: boolean };

/** Stands for the market until the real one is there. */
export class SmallMarket {
  readonly events: AgentEvent[] = [];
  readonly agents: Agent[] = [];
  readonly settled = new Set<bigint>();
  readonly inputs = new Map<bigint, string>();
  readonly handedOver: bigint[] = [];
  readonly acknowledged: bigint[] = [];
  readonly told: string[] = [];
  readonly lines: string[] = [];
  readonly bus = new Bus();
  app!: NestFastifyApplication;

  static async start(): Promise<SmallMarket> {
    const market = new SmallMarket();
    const log = createLog('info', { write: (line: string) => void market.lines.push(line) });
    const parts = { config: {}, log, database: {}, bus: market.bus } as unknown as PlatformParts;
    const stands = {
      module: StandInModule,
      global: true,
      providers: [
        { provide: EventLog, useValue: market },
        { provide: KeyRing, useValue: market },
        { provide: FrameSource, useValue: market },
        { provide: InvocationMarks, useValue: market.marks() },
      ],
      exports: [EventLog, KeyRing, FrameSource, InvocationMarks],
    };
    const module = { module: StandInModule, imports: [PlatformModule.with(parts), stands, GatewayModule] };
    market.app = await createHttpApp(module, { log });
    useGateway(market.app);
    await market.app.listen(0, '127.0.0.1');
    return market;
  }

  get port(): number {
    return (this.app.getHttpServer().address() as AddressInfo).port;
  }

  get gateway(): AgentGateway {
    return this.app.get(AgentGateway);
  }

  agent(scopes = ['read', 'provide']): Agent {
    const n = this.agents.length + 1;
    const agent = { id: BigInt(n), keyId: BigInt(100 + n), key: `key-${n}`, scopes, isFrozen: false, isRevoked: false };
    this.agents.push(agent);
    return agent;
  }

  invoke(agent: Agent, { hint = true, input = 'x' } = {}): bigint {
    const invocationId = BigInt(this.events.length + 1);
    this.inputs.set(invocationId, input);
    this.append(agent, 'invocation.invoked', invocationId, hint);
    return invocationId;
  }

  append(agent: Agent, type: AgentEvent['type'], invocationId: bigint, hint = true): void {
    const seq = BigInt(this.events.filter((event) => event.agentId === agent.id).length + 1);
    this.events.push({
      agentId: agent.id,
      seq,
      eventId: `evt_${agent.id}_${seq}`,
      type,
      invocationId,
      createdAt: new Date(),
    });
    if (hint) this.bus.publish('agent-event', { agentId: String(agent.id) });
  }

  authenticate(key: string | undefined): Promise<Principal | undefined> {
    const agent = this.agents.find((each) => each.key === key && !each.isRevoked);
    if (agent === undefined) return Promise.resolve(undefined);
    return Promise.resolve({
      kind: 'agent',
      keyId: agent.keyId,
      agentId: agent.id,
      ownerId: 1n,
      scopes: agent.scopes,
      isFrozen: agent.isFrozen,
    });
  }

  stillValid(keyIds: bigint[]): Promise<Set<bigint>> {
    const valid = this.agents.filter((agent) => !agent.isRevoked && !agent.isFrozen).map((agent) => agent.keyId);
    return Promise.resolve(new Set(keyIds).intersection(new Set(valid)));
  }

  heads(agentIds: bigint[]): Promise<Map<bigint, bigint>> {
    return Promise.resolve(
      new Map(agentIds.map((id) => [id, BigInt(this.events.filter((event) => event.agentId === id).length)])),
    );
  }

  readAfter(cursors: StreamCursor[], limit: number): Promise<AgentEvent[]> {
    return Promise.resolve(
      cursors.flatMap(({ agentId, afterSeq }) =>
        this.events.filter((event) => event.agentId === agentId && event.seq > afterSeq).slice(0, limit),
      ),
    );
  }

  pendingWork(agentId: bigint, limit: number, afterSeq: bigint): Promise<AgentEvent[]> {
    const isPending = (event: AgentEvent): boolean =>
      event.type === 'invocation.invoked' && !this.settled.has(event.invocationId);
    return Promise.resolve(
      this.events
        .filter((event) => event.agentId === agentId && event.seq > afterSeq && isPending(event))
        .slice(0, limit),
    );
  }

  render(events: AgentEvent[]): Promise<NotificationFrame[]> {
    return Promise.resolve(
      events.map((event) => ({
        type: 'notification',
        domain: 'service_invocation',
        event: event.type === 'invocation.invoked' ? 'service_invoked' : 'result_submitted',
        timestamp: event.createdAt.toISOString(),
        messageId: event.eventId,
        data: { invocationId: Number(event.invocationId), input: this.inputs.get(event.invocationId) },
      })),
    );
  }

  private marks(): InvocationMarks {
    return {
      handedOver: (ids) => Promise.resolve(this.handedOver.push(...ids)),
      acknowledgeAll: (ids) => Promise.resolve(this.acknowledged.push(...ids)),
      acknowledge: (agentId, id) => Promise.resolve(this.told.push(`ack ${agentId} ${id}`)),
      progress: (agentId, id, percent, note) =>
        Promise.resolve(this.told.push(`progress ${agentId} ${id} ${percent} ${note}`)),
    };
  }
}

@Module({})
class StandInModule {}
