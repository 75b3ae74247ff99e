import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';

/** What processes tell each other after a commit. A message is a hint: whoever misses one finds out by looking. */
export type BusMessages = {
  'agent-event': { agentId: string };
  'key-revoked': { keyId: string };
  'agent-frozen': { agentId: string };
};
export type BusChannel = keyof BusMessages;

/** Hints within one process, and among all of them when Redis connects them. Publishing never waits and never throws. */
export class Bus {
  private readonly emitter = new EventEmitter({ captureRejections: true }).setMaxListeners(100);
  private readonly origin = Math.random().toString(36).slice(2);

  /** Two connections, since one that has subscribed can do nothing else; none: this process is alone. */
  constructor(private readonly redis?: { publisher: Redis; subscriber: Redis }) {
    this.emitter.on('error', () => undefined);
    if (redis === undefined) return;
    redis.subscriber.on('message', (_channel: string, text: string) => this.receive(text));
    // ioredis subscribes again by itself after a reconnect.
    redis.subscriber.subscribe(REDIS_CHANNEL).catch(() => undefined);
  }

  publish<C extends BusChannel>(channel: C, message: BusMessages[C]): void {
    this.emitter.emit(channel, message);
    this.redis?.publisher
      .publish(REDIS_CHANNEL, JSON.stringify({ origin: this.origin, channel, message }))
      .catch(() => undefined);
  }

  /** @returns a function that ends the subscription */
  subscribe<C extends BusChannel>(channel: C, handler: (message: BusMessages[C]) => void): () => void {
    this.emitter.on(channel, handler);
    return () => this.emitter.off(channel, handler);
  }

  private receive(text: string): void {
    let hint: { origin?: string; channel?: string; message?: unknown };
    try {
      hint = JSON.parse(text) as typeof hint;
    } catch {
      return;
    }
    if (hint.origin !== this.origin && hint.channel !== undefined && hint.channel !== 'error')
      this.emitter.emit(hint.channel, hint.message);
  }
}

const REDIS_CHANNEL = '{c4c}:bus';
