import { Injectable } from '@nestjs/common';
import { Bus, Database, InjectConfig, notFound, type Config, type Tx } from '#platform';
import { freshKey } from './keys.js';
import { KeyStore, type KeyRecord } from './keys.store.js';
import { OwnerKeyStore } from './owner-keys.store.js';
import type { ShownKey } from './owners.usecase.js';

const LIVE_SESSIONS_MAX = 20;
// Each use of a session, once a minute, has it end 12 hours later; 7 days after its start it ends whatever happens.
const IDLE_MAX_MS = 12 * 3_600_000;

/** The life of a session: a key of an owner that a password opened and that ends by itself. */
@Injectable()
export class Sessions {
  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
    private readonly ownKeys: OwnerKeyStore,
    private readonly bus: Bus,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** A new session. Of those beyond 20 the oldest end; tell the others of them by `tellEnded` after the commit.
   *  @param client what the owner uses it with, as it calls itself */
  async open(tx: Tx, ownerId: bigint, client: string): Promise<{ session: ShownKey; ended: bigint[] }> {
    const ended = await this.ownKeys.revokeSessions(tx, ownerId, undefined, LIVE_SESSIONS_MAX - 1);
    const { text, hash, hint } = freshKey('session', this.config.secret);
    const expiresAt = new Date((await this.keys.now(tx)).getTime() + IDLE_MAX_MS);
    const record = await this.keys.insert(tx, {
      kind: 'session',
      ownerId,
      name: client,
      hash,
      hint,
      scopes: [],
      expiresAt,
    });
    return { session: { ...record, key: text }, ended };
  }

  async list(ownerId: bigint): Promise<KeyRecord[]> {
    return this.ownKeys.liveSessionsOf(ownerId);
  }

  /** @throws {Problem} NOT_FOUND */
  async end(ownerId: bigint, sessionId: bigint): Promise<void> {
    const isEnded = await this.database.inTransaction((tx) => this.ownKeys.revoke(tx, 'session', ownerId, sessionId));
    if (!isEnded) throw notFound();
    this.tellEnded([sessionId]);
  }

  /** Ends all sessions of the owner but this one, as part of what makes them wrong. */
  async endOthers(tx: Tx, ownerId: bigint, except: bigint | undefined): Promise<bigint[]> {
    return this.ownKeys.revokeSessions(tx, ownerId, except, 0);
  }

  tellEnded(sessionIds: readonly bigint[]): void {
    for (const id of sessionIds) this.bus.publish('key-revoked', { keyId: String(id) });
  }
}
