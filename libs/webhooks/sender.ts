import { EVENT_TYPES, EVENTS } from '#events';
import type { Bell } from '#platform';
import { Departures, type DeparturesParts } from './departures.js';
import type { DeliveryStore } from './delivery.store.js';
import { Judge } from './judge.js';
import { Outcomes, type OutcomesParts } from './outcomes.js';
import { IN_FLIGHT_MAX } from './pace.js';
import { Places } from './places.js';
import { Rounds } from './rounds.js';

export type SenderParts = OutcomesParts &
  DeparturesParts & {
    deliveries: DeliveryStore;
    /** Tells other processes when something falls due. */
    bell?: Pick<Bell, 'ring'> | undefined;
  };

const WORK_TYPES = EVENT_TYPES.filter((type) => EVENTS[type].class === 'work');
// Nothing has to announce an event or a try that is due: they are found within this.
const POLL_MS = 500;
/** What is new has places of its own, and so has what is due: a backlog of one does not hold up the other. */
const NEW_MAX = 256;
const DUE_MAX = 128;
const BATCH_MAX = 128;
const AGENTS_MAX = 100;
const DIRTY_MAX = 1_000;
/** Who hears the bell and has no room asks to hear it again so much later; it may be another process that does. */
const FULL_AGAIN_MS = 100;

/**
 * Sends deliveries: from the log to rows, from rows to tries, from tries back to rows, each at its own pace. Any number of processes may
 * run it. Hints of the bus and the bell make it quick; whatever nothing announced is found by looking.
 */
export class Sender {
  private readonly judge = new Judge();
  private readonly outcomes: Outcomes;
  private readonly departures: Departures;
  private readonly news: Rounds;
  private readonly due: Rounds;
  private readonly newPlaces: Places;
  private readonly duePlaces: Places;
  /** Agents that have events, as far as is known. */
  private readonly dirty = new Set<bigint>();
  private unsubscribe: (() => void) | undefined;
  private lookAtMs = 0;
  private lookedTo = 0n;

  constructor(
    private readonly parts: SenderParts,
    private readonly pollMs = POLL_MS,
  ) {
    const isDueIn = (ms: number): void => this.isDueIn(ms);
    const onFailure = (error: unknown): void => parts.log.error({ err: error }, 'deliveries could not be read');
    this.outcomes = new Outcomes(parts, this.judge, isDueIn);
    this.departures = new Departures(parts, this.judge, this.outcomes, isDueIn);
    this.news = new Rounds(() => this.readNews(), pollMs, onFailure);
    this.due = new Rounds(() => this.claimDue(), pollMs, onFailure);
    this.newPlaces = new Places(NEW_MAX, (inMs) => this.news.wake(inMs));
    this.duePlaces = new Places(DUE_MAX, (inMs) => this.due.wake(inMs));
    parts.metrics.watch(
      () => this.departures.flying,
      () => this.judge.openHosts(Date.now()),
    );
  }

  start(): void {
    this.unsubscribe = this.parts.bus.subscribe('agent-event', ({ agentId }) => {
      if (this.dirty.size < DIRTY_MAX) this.dirty.add(BigInt(agentId));
      this.news.wake();
    });
    this.news.start();
    this.due.start();
  }

  /** Begins nothing more, and waits for the tries under way, 10 s at most each. */
  async stop(): Promise<void> {
    this.unsubscribe?.();
    const departed = this.departures.stop();
    await Promise.all([this.news.stop(), this.due.stop(), departed]);
    // What the last rounds had claimed.
    await this.departures.stop();
    await this.outcomes.written();
  }

  /** Looks now for what is due, and not only at the next poll. */
  wake(): void {
    this.due.wake();
  }

  /** The bell rang: something is due. */
  rung(): { againAtMs: number } | undefined {
    if (this.duePlaces.isFull) return { againAtMs: Date.now() + FULL_AGAIN_MS };
    this.due.wake();
    return undefined;
  }

  /** Makes deliveries of what has happened, and sends what may go at once. */
  private async readNews(): Promise<boolean> {
    await this.lookForNews();
    if (this.dirty.size === 0) return false;
    const room = this.newPlaces.take(BATCH_MAX);
    if (room === 0) return false;
    // As many as there is room for, and of each as may be under way to one endpoint: then hardly any has to be claimed in a step of its own.
    const agentIds = [...this.dirty].slice(0, Math.min(AGENTS_MAX, room));
    const events = Math.min(Math.floor(room / agentIds.length), IN_FLIGHT_MAX);
    for (const id of agentIds) this.dirty.delete(id);
    let left = room;
    try {
      const { claimId, claimed, ...made } = await this.parts.deliveries.fanOut(agentIds, WORK_TYPES, events, {
        all: room,
        each: IN_FLIGHT_MAX,
      });
      left -= claimed.length;
      this.parts.metrics.made(made.made);
      for (const id of made.unread) this.dirty.add(id);
      if (claimed.length > 0) this.departures.send(claimId, claimed, this.newPlaces);
      if (made.nextMs !== null) this.isDueIn(Math.max(0, made.nextMs));
      // Who was announced and has no event may have something that is due sooner.
      else if (made.agents < agentIds.length) this.due.wake();
    } finally {
      this.newPlaces.give(left);
    }
    return this.dirty.size > 0;
  }

  /** Who is behind without having been announced is found by a look at all agents that have endpoints, some of them at a time. */
  private async lookForNews(): Promise<void> {
    if (performance.now() < this.lookAtMs || this.dirty.size >= DIRTY_MAX) return;
    this.lookAtMs = performance.now() + this.pollMs;
    const behind = await this.parts.deliveries.behind(this.lookedTo, DIRTY_MAX);
    for (const id of behind) this.dirty.add(id);
    this.lookedTo = behind.length < DIRTY_MAX ? 0n : (behind.at(-1) ?? 0n);
  }

  /** Claims what is due, if anything is. */
  private async claimDue(): Promise<boolean> {
    const nextMs = await this.parts.deliveries.nextDueMs();
    if (nextMs === null || nextMs > 0) {
      if (nextMs !== null) this.isDueIn(nextMs);
      return false;
    }
    const limit = this.duePlaces.take(BATCH_MAX);
    return limit > 0 && (await this.departures.claim(limit, this.duePlaces)) > 0;
  }

  /** Something falls due then: this process looks if nobody has taken it, and so does whoever hears the bell. */
  private isDueIn(ms: number): void {
    this.due.wake(ms);
    this.parts.bell?.ring(new Date(Date.now() + ms));
  }
}
