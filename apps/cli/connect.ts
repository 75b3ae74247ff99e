import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { CONSUMER_NAME_RULE, isConsumerName } from '#kernel';
import { rowOf, shells, type Row } from './answer.js';
import { SAFE_RETRIES } from './api-client.js';
import { CliError, usageError } from './cli-error.js';
import { version } from './clone.js';
import { Channel } from './connect-channel.js';
import { ExecTarget } from './connect-exec.js';
import { Forwarder, type OnExhausted } from './connect-forwarder.js';
import { deliveryOf, type Delivery } from './connect-frame.js';
import { serveHealth } from './connect-health.js';
import { WholeInput } from './connect-input.js';
import { ConnectLock } from './connect-lock.js';
import { connectLog, type Log } from './connect-log.js';
import { Place, type Health } from './connect-place.js';
import { WINDOW, type ServerFrame, type Welcome } from './connect-protocol.js';
import { ConnectState, statePath } from './connect-state.js';
import type { Target } from './connect-target.js';
import { WebhookTarget } from './connect-webhook.js';
import { eventTypeOf } from './event-type.js';
import { nameOf } from './events.view.js';
import { EXIT } from './exit-codes.js';
import type { Session } from './session.js';
import { localSecret } from './webhook-secret.js';

export type ConnectOptions = {
  webhook?: string;
  exec?: string;
  consumer: string;
  types?: string[];
  concurrency: number;
  /** Milliseconds. */
  timeout?: number;
  secret?: string;
  maxRetries?: number;
  onExhausted: OnExhausted;
  healthPort?: number;
  once?: boolean;
};

const TIMEOUT_MS = 10_000;
const EXIT_WITHIN_MS = 500;
const WORK = 'invocation.invoked';
const MAY_NOT_SUBMIT =
  'The key may not end invocations, as --exec and --on-exhausted fail do: it lacks the scope "provide". Make one with it (c4c owner key create), or use --webhook or no target to look on.';
/** Whoever only looks on is no copy of whoever works. */
const SHOWING = 'show';
/** How often within the time that the server waits it hears of an event at work. */
const REPORTS_PER_ACK = 3;

/** Receives the agent's events and hands them to the target, until a signal, `--once` or a reason not to come back ends it. */
export async function receive(session: Session, options: ConnectOptions): Promise<void> {
  if (!isConsumerName(options.consumer)) throw usageError(`--consumer must be ${CONSUMER_NAME_RULE}.`);
  const log = connectLog(session.out);
  const connection = new Connection(session, options, log);
  stopOnSignals(connection, log);
  try {
    await connection.run();
    log('stopped');
  } finally {
    // A target that is still at work after all this is left to it.
    setTimeout(() => process.exit(), EXIT_WITHIN_MS).unref();
  }
}

/** One run of the command: the conversation, what it forwards to, and what outlives it. */
class Connection {
  private readonly channel: Channel;
  private readonly forwarder: Forwarder | undefined;
  private readonly lock: ConnectLock | undefined;
  private readonly types: readonly string[] | undefined;
  private readonly place = new Place();
  /** How far the server's clock is ahead of this machine's. */
  private aheadMs = 0;
  private failure: Error | undefined;
  private stopping: Promise<void> | undefined;
  /** What it means to have no target. */
  private isTold = false;

  constructor(
    private readonly session: Session,
    private readonly options: ConnectOptions,
    private readonly log: Log,
  ) {
    const endpoint = session.settings.endpoint.value;
    const key = session.key('agent');
    const target = this.target();
    const consumer = target === undefined ? SHOWING : options.consumer;
    this.types = options.types?.map((type) => eventTypeOf(type)) ?? (options.exec === undefined ? undefined : [WORK]);
    const { types } = this;
    if (target !== undefined) {
      const keyPrint = createHash('sha256').update(key).digest('hex');
      const address = options.exec ?? session.settings.webhookUrl?.value ?? '';
      const path = statePath(dirname(session.file.path), { endpoint, key: keyPrint, consumer, target: address });
      const lock = ConnectLock.take(`${path}.lock`);
      this.lock = lock;
      this.forwarder = this.forwarderTo(target, new ConnectState(path, () => lock.isMine));
    }
    this.channel = new Channel({
      endpoint,
      key,
      userAgent: `c4c/${version()}`,
      log,
      hello: () => ({ type: 'hello', v: 1, consumer, window: WINDOW, ...(types === undefined ? {} : { types }) }),
      welcomed: (welcome) => this.welcomed(welcome, target?.name),
      onFrame: (frame) => this.received(frame),
    });
  }

  /** @throws {CliError} why it cannot go on */
  async run(): Promise<void> {
    this.log('connecting', { endpoint: this.session.settings.endpoint.value });
    const { healthPort } = this.options;
    let health: { close(): void } | undefined;
    try {
      if (healthPort !== undefined) health = await serveHealth(healthPort, () => this.health());
      await this.channel.run();
    } catch (error) {
      this.failure ??= asError(error);
    }
    // Whatever the reason: what the target is working on arrives first.
    await this.stop();
    health?.close();
    this.lock?.free();
    if (this.failure === undefined) return;
    if (this.failure instanceof CliError) this.log('refused', { reason: this.failure.message });
    throw this.failure;
  }

  stop(): Promise<void> {
    this.stopping ??= this.channel.stop(this.forwarder?.drain() ?? Promise.resolve());
    return this.stopping;
  }

  private health(): Health {
    return this.place.health(this.channel.isConnected, this.forwarder?.inHand ?? []);
  }

  private target(): Target | undefined {
    const { exec, webhook, timeout, secret } = this.options;
    if (exec !== undefined && webhook !== undefined) throw usageError('Give --webhook or --exec, not both.');
    if (exec !== undefined) {
      const target = new ExecTarget(exec, () => this.now(), timeout);
      target.requireThere();
      return target;
    }
    const url = this.session.settings.webhookUrl?.value;
    if (url === undefined) return undefined;
    const local = localSecret(secret, this.session.file.path);
    if (local.isNew) this.log('secret.created', { secret: local.secret, file: local.file });
    const timeoutMs = timeout ?? TIMEOUT_MS;
    return new WebhookTarget({ url, secret: local.secret, timeoutMs, userAgent: `c4c/${version()}` });
  }

  /** Whether this copy ends invocations itself. */
  private get submits(): boolean {
    const { exec, onExhausted } = this.options;
    const hasWork = this.types?.includes(WORK) ?? true;
    return hasWork && (exec !== undefined || (this.forwarder !== undefined && onExhausted === 'fail'));
  }

  private forwarderTo(target: Target, state: ConnectState): Forwarder {
    const api = this.session.api('agent');
    const read = (id: number): Promise<unknown> =>
      api.data({ path: `/agent/me/service-invocations/${id}`, retries: SAFE_RETRIES });
    return new Forwarder({
      target: new WholeInput(target, read),
      concurrency: this.options.concurrency,
      maxRetries: this.options.maxRetries,
      onExhausted: this.options.onExhausted,
      log: this.log,
      now: () => this.now(),
      finished: {
        has: (id) => state.hasFinished(id),
        add: (id) => {
          state.finished(id);
          return state.save();
        },
      },
      acknowledge: ({ seq, attempt }) => this.channel.send({ type: 'ack', seq, attempt }),
      progress: ({ seq }) => this.channel.send({ type: 'progress', seq }),
      submit: (id, body) =>
        api.data({ method: 'POST', path: `/agent/me/service-invocations/${id}/submit`, body, retries: SAFE_RETRIES }),
      fatal: (error) => {
        this.failure ??= asError(error);
        void this.stop();
      },
    });
  }

  private now(): number {
    return Date.now() + this.aheadMs;
  }

  private welcomed(welcome: Welcome, target: string | undefined): void {
    if (welcome.scopes?.includes('provide') === false && this.submits) {
      this.failure ??= new CliError('SCOPE_MISSING', MAY_NOT_SUBMIT, EXIT.authentication);
      void this.stop();
      return;
    }
    const { session, head, acked, ackMs, serverTime, scopes } = welcome;
    this.place.welcomed(welcome);
    if (serverTime !== undefined) this.aheadMs = serverTime - Date.now();
    this.forwarder?.reportEvery(ackMs / REPORTS_PER_ACK);
    const endpoint = this.session.settings.endpoint.value;
    this.log('connected', { endpoint, session, ...(target === undefined ? {} : { target }) });
    this.log('resumed', { after: acked, lag: Math.max(0, head - acked) });
    if (this.forwarder === undefined && !this.isTold)
      this.log('showing', { acknowledges: scopes?.includes('provide') !== false });
    this.isTold = true;
  }

  private received(frame: ServerFrame): void {
    switch (frame.type) {
      case 'event':
        if (this.failure !== undefined) return;
        return this.take(deliveryOf(frame.seq, frame.attempt, frame.frame), frame.frame);
      case 'caught_up':
        this.place.handedOut(frame.seq);
        this.log('caught_up', { seq: frame.seq });
        if (this.options.once === true) void (this.forwarder?.idle() ?? Promise.resolve()).then(() => this.stop());
        return;
      case 'gap':
        return this.log('gap', { from: frame.from, to: frame.to });
      case 'error':
        return this.log('server.error', { code: frame.code, message: frame.message });
      case 'welcome':
      case 'drain':
      case 'other':
    }
  }

  private take(delivery: Delivery, frame: Row): void {
    const { event, seq, id, attempt, invocationId } = delivery;
    const title = titleOf(rowOf(frame['data']));
    this.place.handedOut(seq);
    this.log('event.received', {
      name: event,
      seq,
      id,
      attempt,
      ...(invocationId === undefined ? {} : { invocationId }),
      ...(title === '' ? {} : { title }),
      ...(this.forwarder === undefined ? { frame: { ...frame, type: 'notification' } } : {}),
    });
    if (this.forwarder === undefined) this.channel.send({ type: 'ack', seq, attempt });
    else this.forwarder.accept(delivery);
  }
}

function titleOf(data: Row): string {
  return [nameOf(data), shells(data['price'] ?? data['bounty'])].filter((part) => part !== undefined).join(', ');
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The first signal stops in order, the second at once. */
function stopOnSignals(connection: Connection, log: Log): void {
  let isStopping = false;
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(code);
      isStopping = true;
      log('stopping', { signal });
      void connection.stop();
    });
  }
}
