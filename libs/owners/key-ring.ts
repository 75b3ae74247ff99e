import { timingSafeEqual } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { apiKeyKind } from '#kernel';
import { Bus, countLookUps, InjectConfig, InjectLog, Metrics, type Config, type Log } from '#platform';
import { hashKey } from './keys.js';
import { KeyStore } from './keys.store.js';
import type { Principal } from './principal.js';

// A key that was revoked in another process whose message got lost still ends within this time.
const LIFE_MS = 500;
// Well before a copy dies: whoever uses a key all the time never waits for it to be looked up.
const RENEWED_EVERY_MS = 200;
const KEYS_PER_QUERY_MAX = 1_000;
const TOUCHED_EVERY_MS = 60_000;
const ENTRIES_MAX = 20_000;

type Entry = {
  readonly key: string;
  principal: Promise<Principal | undefined>;
  /** When the database was asked. */
  bornAt: number;
  touchedAt: number;
  /** Since it was last renewed. */
  isUsed: boolean;
  known?: Principal;
};

/** Tells whom a key stands for, from a short-lived copy in memory. Copies in use are renewed together, beside the requests. */
@Injectable()
export class KeyRing implements OnModuleDestroy {
  private readonly entries = new Map<string, Entry>();
  private readonly unsubscribe: (() => void)[];
  /** What was used since the copies were last renewed. */
  private used: Entry[] = [];
  private readonly renewing: NodeJS.Timeout;
  private isRenewing = false;
  private hits = 0;
  private misses = 0;

  constructor(
    private readonly store: KeyStore,
    bus: Bus,
    @InjectConfig() private readonly config: Config,
    @InjectLog() private readonly log: Log,
    metrics: Metrics,
  ) {
    countLookUps(metrics, 'keys', { hits: () => this.hits, misses: () => this.misses });
    this.unsubscribe = [
      bus.subscribe('key-revoked', ({ keyId }) => this.forget(({ keyId: id }) => id === BigInt(keyId))),
      bus.subscribe('agent-frozen', ({ agentId }) =>
        this.forget((known) => known.kind === 'agent' && known.agentId === BigInt(agentId)),
      ),
    ];
    this.renewing = setInterval(() => {
      if (!this.isRenewing) void this.renew();
    }, RENEWED_EVERY_MS).unref();
  }

  /** Whom the key stands for, when that is in memory. */
  known(key: string): Principal | undefined {
    const entry = this.entries.get(key);
    if (entry?.known === undefined || performance.now() - entry.bornAt >= LIFE_MS) return undefined;
    this.hits += 1;
    this.use(entry);
    return entry.known;
  }

  /** Whom the key stands for; undefined for no key, a malformed, unknown, expired or revoked one. */
  authenticate(key: string | undefined): Promise<Principal | undefined> {
    if (key === undefined || !this.isPlausible(key)) return Promise.resolve(undefined);
    const now = performance.now();
    const known = this.entries.get(key);
    if (known !== undefined && now - known.bornAt < LIFE_MS) {
      this.hits += 1;
      this.use(known);
      return known.principal;
    }
    this.misses += 1;
    const touchedAt = known?.known !== undefined && now - known.touchedAt < TOUCHED_EVERY_MS ? known.touchedAt : now;
    const entry: Entry = { key, principal: this.load(key, touchedAt === now), bornAt: now, touchedAt, isUsed: false };
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.principal.then(
      (principal) => {
        if (principal !== undefined) entry.known = principal;
      },
      // A failed look-up is not remembered; the next request asks again.
      () => this.entries.delete(key),
    );
    if (this.entries.size > ENTRIES_MAX) this.dropOldest();
    return entry.principal;
  }

  /** Which of these keys still open something: not revoked, not expired, their agent not frozen. */
  async stillValid(keyIds: readonly bigint[]): Promise<Set<bigint>> {
    return new Set(keyIds.length === 0 ? [] : await this.store.stillLive(keyIds));
  }

  onModuleDestroy(): void {
    clearInterval(this.renewing);
    for (const end of this.unsubscribe) end();
  }

  private use(entry: Entry): void {
    if (entry.isUsed) return;
    entry.isUsed = true;
    this.used.push(entry);
  }

  /** Asks for all copies at once that were used since the last time. What has changed is dropped, to be looked up anew; when the
   *  database does not answer, nothing is renewed and the copies die at their time. */
  private async renew(): Promise<void> {
    const { used } = this;
    this.used = [];
    for (const entry of used) entry.isUsed = false;
    this.isRenewing = true;
    try {
      for (let from = 0; from < used.length; from += KEYS_PER_QUERY_MAX) {
        await this.renewSome(used.slice(from, from + KEYS_PER_QUERY_MAX));
      }
    } catch (error) {
      this.log.debug({ err: error }, 'could not renew what is known of keys');
    } finally {
      this.isRenewing = false;
    }
  }

  private async renewSome(used: readonly Entry[]): Promise<void> {
    const askedAt = performance.now();
    const valid = await this.stillValid(used.flatMap(({ known }) => (known === undefined ? [] : [known.keyId])));
    const due: bigint[] = [];
    for (const entry of used) {
      const { key, known } = entry;
      // Forgotten meanwhile: the answer may be older than what it was forgotten for.
      if (known === undefined || this.entries.get(key) !== entry) continue;
      const [wasFrozen, isValid] = [known.kind === 'agent' && known.isFrozen, valid.has(known.keyId)];
      // Nothing has changed, and it is not to be let in for longer: its copy dies at its time.
      if (wasFrozen && !isValid) continue;
      if (wasFrozen || !isValid) {
        this.entries.delete(key);
        continue;
      }
      entry.bornAt = askedAt;
      if (askedAt - entry.touchedAt < TOUCHED_EVERY_MS) continue;
      entry.touchedAt = askedAt;
      due.push(known.keyId);
    }
    if (due.length > 0) this.touch(due);
  }

  private touch(keyIds: readonly bigint[]): void {
    this.store
      .touch(keyIds)
      .catch((error: unknown) => this.log.warn({ err: error }, 'could not note the use of a key'));
  }

  private async load(key: string, isFirst: boolean): Promise<Principal | undefined> {
    const found = await this.store.findLive(hashKey(key, this.config.secret));
    if (found === undefined) return undefined;
    if (isFirst) this.touch([found.id]);
    if (found.kind === 'admin') return { kind: 'admin', keyId: found.id };
    if (found.owner_id === null) return undefined; // refused by api_key_belongs_to_its_kind
    if (found.kind === 'owner' || found.kind === 'session') {
      return { kind: 'owner', keyId: found.id, ownerId: found.owner_id, isSession: found.kind === 'session' };
    }
    if (found.agent_id === null) return undefined;
    return {
      kind: 'agent',
      keyId: found.id,
      agentId: found.agent_id,
      ownerId: found.owner_id,
      scopes: found.scopes,
      isFrozen: found.is_frozen,
    };
  }

  /** The checksum refuses typos before any look-up. An administrator's key from the environment may have any form. */
  private isPlausible(key: string): boolean {
    if (apiKeyKind(key) !== undefined) return true;
    const { adminKey } = this.config;
    if (adminKey === undefined) return false;
    const [given, expected] = [Buffer.from(key), Buffer.from(adminKey)];
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  private forget(matches: (known: Principal) => boolean): void {
    for (const [key, { known }] of this.entries) {
      // An entry that is still loading may have read the row before the change.
      if (known === undefined || matches(known)) this.entries.delete(key);
    }
  }

  private dropOldest(): void {
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }
}
