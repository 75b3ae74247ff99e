import { randomInt } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { RawData, WebSocket } from 'ws';
import { Marks } from '#invocations';
import { assertNever, type Problem } from '#kernel';
import { KeyRing, ownerProblems } from '#owners';
import { Bus, InjectLog, problemOf, type Log } from '#platform';
import { ChatTalk } from './chat-talk.js';
import { CLOSE } from './close-codes.js';
import { Consumers } from './consumers.js';
import { Conversation } from './conversation.js';
import { EventPump } from './event-pump.js';
import { drainFrame, errorFrame, pongFrame, readFrame, type ClientFrame } from './frames.js';
import { gatewayProblems } from './gateway.problems.js';
import { HandOver } from './hand-over.js';
import { LiveSocket, type SocketOwner } from './live-socket.js';
import { Presence } from './presence.js';
import { Sockets } from './sockets.js';
import { chosenProtocol, otherVersion, SOCKET_PATH, UpgradeDoor } from './upgrade-door.js';

const FRAME_MAX_BYTES = 256 * 1024;
const TICK_MS = 250;
// How long a lost hint or a lost message of a revoked key goes unnoticed.
const LOOK_EVERY_MS = 750;
const KEYS_PER_QUERY_MAX = 5_000;
const DRAIN_GRACE_MS = 3_000;
const ACKS_WITHIN_MS = 5_000;
const RECONNECT_WITHIN_MS = 10_000;

const SERVER_OPTIONS = {
  path: SOCKET_PATH,
  maxPayload: FRAME_MAX_BYTES,
  maxFragments: 64,
  maxBufferedChunks: 1_024,
  // The gateway answers pings itself, within the budget of frames: `ws` would cut off a burst of them without a code.
  autoPong: false,
  // Compression costs about 220 KB a connection.
  perMessageDeflate: false,
  clientTracking: false,
  handleProtocols: chosenProtocol,
};

/** The WebSocket gateway at /ws: notifications to agents, acknowledgements and progress from them. */
@Injectable()
@WebSocketGateway(SERVER_OPTIONS)
export class AgentGateway implements OnGatewayConnection, OnModuleInit, OnModuleDestroy {
  private readonly unsubscribe: (() => void)[] = [];
  private ticker: NodeJS.Timeout | undefined;
  private looker: NodeJS.Timeout | undefined;
  private isStopped = false;
  private isFailing = false;

  constructor(
    private readonly sockets: Sockets,
    private readonly pump: EventPump,
    private readonly handOver: HandOver,
    private readonly presence: Presence,
    private readonly consumers: Consumers,
    private readonly conversation: Conversation,
    private readonly marks: Marks,
    private readonly chat: ChatTalk,
    private readonly keys: KeyRing,
    private readonly door: UpgradeDoor,
    private readonly bus: Bus,
    @InjectLog() private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.unsubscribe.push(
      this.bus.subscribe('agent-event', ({ agentId }) => this.hear(BigInt(agentId))),
      this.bus.subscribe('key-revoked', ({ keyId }) =>
        this.endWhere((owner) => owner.keyId === BigInt(keyId), 'key revoked'),
      ),
      this.bus.subscribe('agent-frozen', ({ agentId }) =>
        this.endWhere((owner) => owner.agentId === BigInt(agentId), 'agent frozen'),
      ),
    );
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    this.lookAgain();
  }

  onModuleDestroy(): void {
    this.isStopped = true;
    clearInterval(this.ticker);
    clearTimeout(this.looker);
    for (const end of this.unsubscribe) end();
  }

  handleConnection(ws: WebSocket, _request: IncomingMessage, owner: SocketOwner): void {
    const socket: LiveSocket = new LiveSocket(ws, owner, () =>
      (owner.isV1 ? this.consumers : this.pump).wake(owner.agentId),
    );
    this.sockets.add(socket);
    ws.on('message', (data, isBinary) => this.receive(socket, data, isBinary));
    ws.on('ping', (payload: Buffer) => {
      if (this.spend(socket)) socket.pong(payload);
    });
    ws.on('pong', (payload: Buffer) => {
      if (this.spend(socket)) this.handOver.answered(socket, socket.ponged(payload.toString('latin1')));
    });
    ws.on('close', (code, reason) => this.ended(socket, code, reason.toString()));
    if (owner.isOtherVersion) return this.conversation.refuse(socket, otherVersion());
    if (owner.isV1) return this.conversation.begin(socket);
    this.presence.enter(socket);
    this.pump.welcome(socket).catch((error: unknown) => {
      socket.error ??= error instanceof Error ? error.message : String(error);
      socket.close(CLOSE.serverError, 'try again');
    });
  }

  /** Sends everybody home before a stop: nobody new comes in, each socket gets a close frame and, soon after, its end. */
  async drain(graceMs = DRAIN_GRACE_MS): Promise<void> {
    this.door.shut();
    this.onModuleDestroy();
    // From now on work goes by webhook at once.
    const absent = this.presence.stop();
    await this.pump.settle();
    await Promise.all(this.sockets.all().map((socket) => this.sendHome(socket, graceMs)));
    await absent;
    await Promise.all([this.handOver.flush(), this.consumers.stop()]);
  }

  /** A client of `c4c.v1` is told when to come back, and may still acknowledge what it has. */
  private async sendHome(socket: LiveSocket, graceMs: number): Promise<void> {
    const { ws, owner } = socket;
    if (ws.readyState === ws.CLOSED) return;
    const ended = new Promise<void>((resolve) => ws.once('close', () => resolve()));
    if (owner.isV1) {
      socket.reply(drainFrame(randomInt(RECONNECT_WITHIN_MS + 1)));
      await this.conversation.settle(socket, ACKS_WITHIN_MS);
    }
    socket.close(owner.isV1 ? CLOSE.drained : CLOSE.goingAway, 'server is stopping', graceMs);
    await ended;
  }

  private receive(socket: LiveSocket, data: RawData, isBinary: boolean): void {
    if (!socket.isOpen || !this.spend(socket)) return;
    if (isBinary) {
      this.end(socket, gatewayProblems.FRAME_NOT_SUPPORTED('Frames are text; this one was binary'), [
        CLOSE.unsupportedData,
        'text frames only',
      ]);
      return;
    }
    if (socket.owner.isV1) {
      void this.conversation.hear(socket, textOf(data));
      return;
    }
    this.act(socket, textOf(data)).catch((error: unknown) => {
      const problem = problemOf(error);
      if (problem.kind.status >= 500)
        this.log.error({ err: error, agentId: String(socket.owner.agentId) }, 'a frame failed');
      socket.reply(errorFrame(problem));
    });
  }

  private async act(socket: LiveSocket, text: string): Promise<void> {
    const frame = readFrame(text);
    switch (frame.type) {
      case 'ping':
        return socket.reply(pongFrame(new Date()));
      case 'pong':
        return;
      case 'ack':
      case 'progress':
        return this.mark(socket.owner, frame);
      case 'message':
      case 'read':
        // Who sends over this protocol awaits no answer; it hears of what is wrong.
        await this.chat.take(socket, frame);
        return;
      default:
        return assertNever(frame);
    }
  }

  private async mark(
    { agentId, scopes }: SocketOwner,
    frame: Extract<ClientFrame, { type: 'ack' | 'progress' }>,
  ): Promise<void> {
    if (!scopes.includes('provide')) {
      throw ownerProblems.SCOPE_MISSING(`A frame of type "${frame.type}" needs a key with the scope "provide"`, {
        details: { scope: 'provide' },
      });
    }
    if (frame.type === 'ack') await this.marks.acknowledge(agentId, frame.invocationId);
    else await this.marks.progress(agentId, frame.invocationId, frame.percent, frame.note);
  }

  /** Counts a frame of the peer; one that floods gets an error and is closed. */
  private spend(socket: LiveSocket): boolean {
    socket.framesIn += 1;
    this.presence.heard(socket);
    if (socket.budget.take(Date.now())) return true;
    if (socket.isOpen) {
      this.end(socket, gatewayProblems.FRAME_RATE_EXCEEDED('A socket takes at most 50 frames a second'), [
        CLOSE.policy,
        'too many frames',
      ]);
    }
    return false;
  }

  /** Says why and ends the socket: by these words on the plain protocol, by those of `c4c.v1` there. */
  private end(socket: LiveSocket, problem: Problem, plain: [code: number, reason: string]): void {
    if (socket.owner.isV1) return this.conversation.refuse(socket, problem);
    socket.reply(errorFrame(problem));
    socket.close(...plain);
  }

  private hear(agentId: bigint): void {
    if (this.sockets.of(agentId).length === 0) return;
    this.pump.wake(agentId);
    this.consumers.wake(agentId);
  }

  private tick(): void {
    const nowMs = Date.now();
    this.handOver.tick(nowMs);
    this.presence.tick(nowMs);
    for (const socket of this.sockets.all()) socket.tick(nowMs);
  }

  /** Looks every second at what hints may have failed to tell: new events, keys that ended. */
  private lookAgain(): void {
    this.looker = setTimeout(() => {
      void this.look().then(() => {
        if (!this.isStopped) this.lookAgain();
      });
    }, LOOK_EVERY_MS);
  }

  private async look(): Promise<void> {
    try {
      await this.endRevoked();
      await this.pump.catchUp();
      await this.consumers.catchUp();
      await this.presence.repeat(Date.now());
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.log.error({ err: error }, 'the sockets could not be checked against the database');
      this.isFailing = true;
    }
  }

  private async endRevoked(): Promise<void> {
    const keyIds = [...new Set(this.sockets.all().map((socket) => socket.owner.keyId))];
    for (let from = 0; from < keyIds.length; from += KEYS_PER_QUERY_MAX) {
      const asked = new Set(keyIds.slice(from, from + KEYS_PER_QUERY_MAX));
      const valid = await this.keys.stillValid([...asked]);
      this.endWhere(({ keyId }) => asked.has(keyId) && !valid.has(keyId), 'key revoked');
    }
  }

  private endWhere(ends: (owner: SocketOwner) => boolean, reason: string): void {
    for (const socket of this.sockets.all())
      if (socket.isOpen && ends(socket.owner)) socket.close(CLOSE.keyRevoked, reason);
  }

  private ended(socket: LiveSocket, code: number, reason: string): void {
    socket.ended();
    this.sockets.remove(socket);
    this.handOver.forget(socket);
    this.presence.leave(socket);
    if (socket.owner.isV1) this.conversation.end(socket);
    const { owner, framesIn, framesOut, error, openedAtMs } = socket;
    this.log.info(
      {
        agentId: String(owner.agentId),
        keyId: String(owner.keyId),
        code,
        reason: reason === '' ? undefined : reason,
        error,
        framesIn,
        framesOut,
        durationMs: Date.now() - openedAtMs,
      },
      'socket closed',
    );
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
}
