import { Turnstile, TurnstileFull } from '../turnstile.js';
import { FinishedAnswer } from './envelope.js';
import { httpProblems } from './http.problems.js';

export type AnswerCacheLimits = {
  lifeMs?: number;
  entriesMax?: number;
  bytesMax?: number;
  /** Loads that run at once, and loads that wait for those. */
  loadsMax?: number;
  waitingMax?: number;
  /** How often in a second forgetting takes effect. */
  forgetsMax?: number;
  now?: () => number;
};

type Entry = {
  key: string;
  answer: Promise<FinishedAnswer>;
  /** When the database was asked; undefined while the load waits for its turn. What it tells is at least as new. */
  askedAt: number | undefined;
  bytes: number;
};

/** What an entry takes beside its bytes. */
const ENTRY_BYTES = 500;

/**
 * Finished answers of public reads that may be a second old. Requests for the same thing share one load; a load that fails is
 * not kept. Keys come from strangers, so everything has a bound: what was asked for once is kept apart from what is asked
 * for again, so that a flood of new keys pushes out only its own; and few loads run at once, of what is asked for again first;
 * a client has at most as many of those places as are free, as at the door of the server (`Admission`).
 */
export class AnswerCache {
  private readonly once: Shelf;
  private readonly often: Shelf;
  private readonly loads: Turnstile;
  /** How many loads of each client run or wait. */
  private readonly loadsOf = new Map<string, number>();
  private loadsInside = 0;
  private readonly placesMax: number;
  private readonly forgotAt: number[] = [];
  private readonly lifeMs: number;
  private readonly answerBytesMax: number;
  private readonly forgetsMax: number;
  private readonly now: () => number;

  constructor({
    lifeMs = 1_000,
    entriesMax = 2_000,
    bytesMax = 32 * 1024 * 1024,
    loadsMax = 2,
    waitingMax = 100,
    forgetsMax = 20,
    now = () => performance.now(),
  }: AnswerCacheLimits = {}) {
    this.once = new Shelf(entriesMax / 2, bytesMax / 2);
    this.often = new Shelf(entriesMax / 2, bytesMax / 2);
    this.loads = new Turnstile({ workingMax: loadsMax, waitingMax });
    this.placesMax = loadsMax + waitingMax;
    this.lifeMs = lifeMs;
    this.answerBytesMax = bytesMax / 16;
    this.forgetsMax = forgetsMax;
    this.now = now;
  }

  /** @param key all that the answer depends on
   *  @param client who asks, when something has to be loaded for it
   *  @throws {Problem} OVERLOADED, and what `load` throws */
  get(key: string, load: () => Promise<unknown>, client: () => string): Promise<FinishedAnswer> {
    const known = this.often.take(key) ?? this.once.take(key);
    if (known === undefined) return this.start(key, load, client(), this.once).answer;
    if (!this.isFresh(known)) return this.start(key, load, client(), this.often).answer;
    this.often.put(known);
    return known.answer;
  }

  /**
   * What was read before now is not answered any more. Takes effect so often in a second and no more: somebody who keeps
   * changing things would make every read go to the database otherwise. What stays is as old as its life allows, no older.
   */
  forget(): void {
    const read = [...this.once.entries(), ...this.often.entries()].filter(
      (entry) => entry.askedAt !== undefined && this.isFresh(entry),
    );
    if (read.length === 0) return;
    const now = this.now();
    while (this.forgotAt[0] !== undefined && now - this.forgotAt[0] >= 1_000) this.forgotAt.shift();
    if (this.forgotAt.length >= this.forgetsMax) return;
    this.forgotAt.push(now);
    // Made old and not removed: what is asked for again keeps its place.
    for (const entry of read) entry.askedAt = Number.NEGATIVE_INFINITY;
  }

  /** What is kept. */
  get size(): { entries: number; bytes: number } {
    return { entries: this.once.count + this.often.count, bytes: this.once.bytes + this.often.bytes };
  }

  private isFresh({ askedAt }: Entry): boolean {
    return askedAt === undefined || this.now() - askedAt < this.lifeMs;
  }

  private start(key: string, load: () => Promise<unknown>, client: string, shelf: Shelf): Entry {
    const { promise, resolve, reject } = Promise.withResolvers<FinishedAnswer>();
    const entry: Entry = { key, answer: promise, askedAt: undefined, bytes: ENTRY_BYTES + 2 * key.length };
    shelf.put(entry);
    this.inTurn(client, () => this.load(entry, load, shelf === this.often)).then(resolve, (error: unknown) => {
      this.drop(entry);
      reject(error instanceof TurnstileFull ? overloaded(error) : error);
    });
    return entry;
  }

  private async inTurn<T>(client: string, work: () => Promise<T>): Promise<T> {
    const own = this.loadsOf.get(client) ?? 0;
    // Whoever has none may try: what is urgent gets a place also where none is free.
    if (own > 0 && own >= this.placesMax - this.loadsInside) throw new TurnstileFull('this client waits for too many');
    this.loadsInside += 1;
    this.loadsOf.set(client, own + 1);
    try {
      return await work();
    } finally {
      this.loadsInside -= 1;
      const left = (this.loadsOf.get(client) ?? 1) - 1;
      if (left > 0) this.loadsOf.set(client, left);
      else this.loadsOf.delete(client);
    }
  }

  private async load(entry: Entry, load: () => Promise<unknown>, isUrgent: boolean): Promise<FinishedAnswer> {
    await this.loads.enter(isUrgent);
    try {
      entry.askedAt = this.now();
      const answer = new FinishedAnswer(await load());
      if (answer.bytes > this.answerBytesMax) this.drop(entry);
      else for (const shelf of [this.once, this.often]) shelf.grow(entry, answer.bytes);
      return answer;
    } finally {
      this.loads.leave();
    }
  }

  private drop(entry: Entry): void {
    for (const shelf of [this.once, this.often]) shelf.drop(entry);
  }
}

/** Entries in the order of their use, bounded in number and bytes; the one not used for longest goes first. */
class Shelf {
  bytes = 0;
  private readonly byKey = new Map<string, Entry>();

  constructor(
    private readonly entriesMax: number,
    private readonly bytesMax: number,
  ) {}

  get count(): number {
    return this.byKey.size;
  }

  entries(): Iterable<Entry> {
    return this.byKey.values();
  }

  put(entry: Entry): void {
    this.byKey.set(entry.key, entry);
    this.bytes += entry.bytes;
    this.trim();
  }

  /** Removes and answers it. */
  take(key: string): Entry | undefined {
    const entry = this.byKey.get(key);
    if (entry !== undefined) this.drop(entry);
    return entry;
  }

  drop(entry: Entry): void {
    if (this.byKey.get(entry.key) !== entry) return;
    this.byKey.delete(entry.key);
    this.bytes -= entry.bytes;
  }

  /** Counts what the entry takes now that its answer is there, if it still stands here. */
  grow(entry: Entry, bytes: number): void {
    if (this.byKey.get(entry.key) !== entry) return;
    entry.bytes += bytes;
    this.bytes += bytes;
    this.trim();
  }

  private trim(): void {
    for (const entry of this.byKey.values()) {
      if (this.byKey.size <= this.entriesMax && this.bytes <= this.bytesMax) return;
      this.drop(entry);
    }
  }
}

function overloaded(cause: unknown): Error {
  return httpProblems.OVERLOADED(
    'The market is asked for too many different things at once; repeat the request in a moment',
    {
      retryAfterS: 1,
      cause,
    },
  );
}
