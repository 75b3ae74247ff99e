import { Injectable } from '@nestjs/common';
import { readChatFrame } from '#chat';
import { EVENTS } from '#events';
import { CloseInvocations, Marks, readSubmission } from '#invocations';
import { assertNever, type ProblemKind } from '#kernel';
import { ownerProblems } from '#owners';
import { InjectLog, problemOf, RateLimits, type Log, type RateNote } from '#platform';
import { ChatTalk } from './chat-talk.js';
import { CLOSE } from './close-codes.js';
import { HELD_FOR_MS } from './consumer.store.js';
import { Consumers } from './consumers.js';
import { EventFeed } from './event-feed.js';
import { FrameBudget } from './frame-budget.js';
import { gatewayProblems } from './gateway.problems.js';
import { BUFFERED_MAX_BYTES, PING_EVERY_MS, type LiveSocket } from './live-socket.js';
import { Presence } from './presence.js';
import { Session } from './session.js';
import {
  CONSUMERS_MAX,
  readV1Frame,
  refusalFrame,
  replyFrame,
  v1ErrorFrame,
  v1PongFrame,
  WATCHER,
  welcomeFrame,
  type Hello,
  type Ref,
  type V1Frame,
} from './v1-frames.js';

const HELLO_WITHIN_MS = 5_000;
const SUBMITS_AT_ONCE_MAX = 64;

type Talk = {
  session: Session | undefined;
  isGreeting: boolean;
  submits: number;
  refusals: FrameBudget;
  /** Until it says hello. */
  timer: NodeJS.Timeout | undefined;
};

/** What is said on a socket of `c4c.v1` (docs/websocket.md). */
@Injectable()
export class Conversation {
  private readonly talks = new Map<LiveSocket, Talk>();

  constructor(
    private readonly consumers: Consumers,
    private readonly feed: EventFeed,
    private readonly presence: Presence,
    private readonly closer: CloseInvocations,
    private readonly marks: Marks,
    private readonly chat: ChatTalk,
    private readonly limits: RateLimits,
    @InjectLog() private readonly log: Log,
  ) {}

  /** The socket is open; its client says hello within 5 s. */
  begin(socket: LiveSocket): void {
    const late = (): void =>
      this.refuse(socket, gatewayProblems.FRAME_NOT_SUPPORTED('The first frame is a hello, within 5 seconds'));
    const timer = setTimeout(late, HELLO_WITHIN_MS);
    this.talks.set(socket, {
      session: undefined,
      isGreeting: false,
      submits: 0,
      refusals: new FrameBudget(SUBMITS_AT_ONCE_MAX),
      timer,
    });
  }

  /** The socket has ended: what it held goes to others. */
  end(socket: LiveSocket): void {
    const talk = this.talks.get(socket);
    this.talks.delete(socket);
    clearTimeout(talk?.timer);
    if (talk?.session !== undefined) this.consumers.leave(talk.session);
  }

  /** Gives nothing more to this socket and waits until it has acknowledged what it holds, for so long at most. */
  async settle(socket: LiveSocket, withinMs: number): Promise<void> {
    await this.talks.get(socket)?.session?.settledWithin(withinMs);
  }

  /** One frame. Never rejects. */
  async hear(socket: LiveSocket, text: string): Promise<void> {
    try {
      await this.act(socket, readV1Frame(text));
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind.status >= 500) {
        this.log.error({ err: error, agentId: String(socket.owner.agentId) }, 'a frame failed');
        socket.reply(v1ErrorFrame(problem));
        if (this.talks.get(socket)?.session === undefined) socket.close(CLOSE.failed, 'try again');
      } else this.refuse(socket, problem);
    }
  }

  /** Says why, and ends the socket: for good when its client would only say it again. */
  refuse(socket: LiveSocket, problem: ReturnType<typeof problemOf>): void {
    if (!socket.isOpen) return;
    socket.reply(v1ErrorFrame(problem));
    socket.close(closeCodeOf(problem.kind), problem.code);
  }

  private async act(socket: LiveSocket, frame: V1Frame): Promise<void> {
    const talk = this.talks.get(socket);
    if (talk === undefined) return;
    if (frame.type === 'hello') return this.greet(socket, talk, frame);
    if (talk.session === undefined) throw gatewayProblems.FRAME_NOT_SUPPORTED('Say hello and await the welcome first');
    return this.answer(socket, talk, talk.session, frame);
  }

  private async greet(socket: LiveSocket, talk: Talk, hello: Hello): Promise<void> {
    if (talk.isGreeting) throw gatewayProblems.FRAME_NOT_SUPPORTED('A socket says hello once');
    talk.isGreeting = true;
    clearTimeout(talk.timer);
    talk.timer = undefined;
    // A number that the stream has not reached would set the place to its end, and what was not done would be gone.
    if (hello.after !== undefined) await this.feed.start(socket.owner.agentId, hello.after);
    // Who may only watch must not take work away from those who do it, even under one name.
    const consumer = socket.owner.scopes.includes('provide') ? hello.consumer : `${WATCHER}${hello.consumer}`;
    const session = new Session(socket, consumer, hello.window);
    session.isForWork = hello.types?.some((type) => EVENTS[type].class === 'work') ?? true;
    const { verdict, acked } = await this.consumers.enter(session, hello);
    if (verdict === 'too_many')
      throw gatewayProblems.CONSUMER_LIMIT(
        `An agent has at most ${CONSUMERS_MAX} consumers; use one of their names, or have one forgotten`,
      );
    if (verdict === 'other_types')
      throw gatewayProblems.CONSUMER_TYPES(
        `Another socket of the consumer "${hello.consumer}" is open with other types; use the same types, or another name of a consumer`,
      );
    if (verdict === 'lost') return socket.close(CLOSE.resync, 'say hello again');
    if (!this.talks.has(socket)) return this.consumers.leave(session);
    talk.session = session;
    socket.send(
      welcomeFrame({
        session: session.session,
        head: session.head,
        acked,
        pingMs: PING_EVERY_MS,
        ackMs: HELD_FOR_MS,
        window: session.window.max,
        maxBytes: BUFFERED_MAX_BYTES,
        scopes: socket.owner.scopes,
        now: new Date(),
      }),
    );
    this.consumers.open(session);
    if (session.isForWork) this.presence.enter(socket);
  }

  private async answer(
    socket: LiveSocket,
    talk: Talk,
    session: Session,
    frame: Exclude<V1Frame, Hello>,
  ): Promise<void> {
    switch (frame.type) {
      case 'ack':
        // Each is paid for by an event that was handed out.
        if (this.consumers.acknowledge(session, frame.seq, frame.attempt)) socket.budget.giveBack();
        return;
      case 'nack':
        if (session.window.holds(frame.seq, frame.attempt)) socket.budget.giveBack();
        await this.consumers.putBack(session, frame.seq, frame.attempt, frame.delayMs);
        return;
      case 'progress':
        if (session.window.takesProgress(frame.seq, Date.now())) socket.budget.giveBack();
        return this.progress(session, frame);
      case 'submit':
        return this.submit(socket, talk, frame);
      case 'message':
      case 'read':
        return this.reply(socket, talk, frame.ref, async () =>
          this.chat.take(socket, readChatFrame(frame.type, frame.fields)),
        );
      case 'pause':
        session.isPaused = true;
        return this.presence.leave(socket);
      case 'resume':
        session.isPaused = false;
        if (session.isForWork) this.presence.enter(socket);
        return this.consumers.wake(session.agentId);
      case 'ping':
        return socket.reply(v1PongFrame(frame.n));
      case 'pong':
        return;
      case 'bye':
        return socket.close(CLOSE.normal, 'bye');
      default:
        return assertNever(frame);
    }
  }

  /** A note for the caller only with a percentage; what has ended meanwhile takes none, and that is no mistake. */
  private async progress(
    session: Session,
    { seq, percent, note }: Extract<V1Frame, { type: 'progress' }>,
  ): Promise<void> {
    const held = await this.consumers.renew(session, seq);
    if (held === undefined || held.work === null || percent === undefined) return;
    const { socket } = session;
    try {
      requireProvide(socket, 'progress');
      await this.marks.progress(session.agentId, held.work, percent, note);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind.status >= 500) throw error;
      socket.reply(v1ErrorFrame(problem));
    }
  }

  /** The same as the request: the same checks, the same limits, the same answer to a repetition. */
  private async submit(
    socket: LiveSocket,
    talk: Talk,
    { ref, invocationId, fields }: Extract<V1Frame, { type: 'submit' }>,
  ): Promise<void> {
    talk.submits += 1;
    // Now and not with the answer: a whole window may be submitted in one instant.
    if (talk.submits <= SUBMITS_AT_ONCE_MAX) socket.budget.giveBack();
    await this.reply(socket, talk, ref, async () => {
      requireProvide(socket, 'submit');
      if (talk.submits > SUBMITS_AT_ONCE_MAX)
        throw gatewayProblems.FRAME_RATE_EXCEEDED(`At most ${SUBMITS_AT_ONCE_MAX} submissions await their reply`);
      const { owner } = socket;
      const note: RateNote = { rateFields: null };
      this.limits.admit(owner.keyId, owner.ownerId, note);
      const closed = await this.closer.submit(owner, invocationId, readSubmission(fields));
      return {
        invocationId: Number(invocationId),
        status: closed.status,
        completedAt: closed.settledAt,
        replayed: closed.isReplay,
      };
    });
    talk.submits -= 1;
  }

  /** Answers a request of the client, whatever becomes of it. Never rejects. */
  private async reply(socket: LiveSocket, talk: Talk, ref: Ref, work: () => Promise<object>): Promise<void> {
    try {
      socket.reply(replyFrame(ref, await work()));
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind.status >= 500 && problem.kind.status !== 503)
        this.log.error({ err: error, agentId: String(socket.owner.agentId) }, 'a request of a socket failed');
      // More refusals a second than a window has count as frames: nothing else bounds them.
      if (!talk.refusals.take(Date.now())) socket.budget.take(Date.now());
      socket.reply(refusalFrame(ref, problem));
    }
  }
}

function closeCodeOf(kind: ProblemKind): number {
  if (kind === gatewayProblems.PROTOCOL_VERSION.kind) return CLOSE.version;
  return kind === gatewayProblems.FRAME_RATE_EXCEEDED.kind ? CLOSE.tooFast : CLOSE.badFrame;
}

function requireProvide({ owner }: LiveSocket, type: string): void {
  if (owner.scopes.includes('provide')) return;
  throw ownerProblems.SCOPE_MISSING(`A frame of type "${type}" needs a key with the scope "provide"`, {
    details: { scope: 'provide' },
  });
}
