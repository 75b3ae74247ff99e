import { Injectable } from '@nestjs/common';
import { Bus, Database, InjectConfig, notFound, validationFailed, type Config, type Tx } from '#platform';
import { freshKey } from './keys.js';
import { KeyStore, type KeyRecord } from './keys.store.js';
import { LoginStore } from './logins.store.js';
import { OwnerKeyStore } from './owner-keys.store.js';
import { OwnerStore } from './owner.store.js';
import { ownerProblems } from './owners.problems.js';
import type { ShownKey } from './owners.usecase.js';

const LIVE_KEYS_MAX = 20;
const OVERLAP_DEFAULT_S = 86_400;

export type OwnerKeyWish = { name?: string | undefined; expiresAt?: Date | undefined };

/** What owners do with their own keys. */
@Injectable()
export class OwnerKeys {
  constructor(
    private readonly database: Database,
    private readonly owners: OwnerStore,
    private readonly keys: KeyStore,
    private readonly ownKeys: OwnerKeyStore,
    private readonly logins: LoginStore,
    private readonly bus: Bus,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** @throws {Problem} KEY_LIMIT, VALIDATION_FAILED */
  async create(ownerId: bigint, wish: OwnerKeyWish): Promise<ShownKey> {
    return this.database.inTransaction(async (tx) => {
      await this.owners.lock(tx, ownerId);
      if (wish.expiresAt !== undefined && wish.expiresAt <= (await this.keys.now(tx))) {
        throw validationFailed([{ field: 'expiresAt', message: 'must be in the future', code: 'range' }]);
      }
      return this.insert(tx, ownerId, wish);
    });
  }

  /** A new key with the name of the old one, which works on for the overlap.
   *  @throws {Problem} NOT_FOUND (also for a key that is revoked, expired or replaced already), KEY_LIMIT */
  async rotate(
    ownerId: bigint,
    keyId: bigint,
    overlapS = OVERLAP_DEFAULT_S,
  ): Promise<{ key: ShownKey; replaced: KeyRecord }> {
    const result = await this.database.inTransaction(async (tx) => {
      await this.owners.lock(tx, ownerId);
      const replaced = await this.ownKeys.replace(tx, ownerId, keyId, overlapS);
      if (replaced === undefined) throw notFound();
      const key = await this.insert(tx, ownerId, { name: replaced.name });
      await this.keys.noteReplacement(tx, keyId, key.id);
      return { key, replaced };
    });
    if (overlapS === 0) this.bus.publish('key-revoked', { keyId: String(keyId) });
    return result;
  }

  /** The last key of an owner without a login stays: nobody but an administrator could let the owner in again.
   *  @throws {Problem} NOT_FOUND, LAST_KEY */
  async revoke(ownerId: bigint, keyId: bigint): Promise<void> {
    // A login may be replaced, and never goes away.
    const hasLogin = (await this.logins.ofOwner(ownerId)) !== undefined;
    await this.database.inTransaction(async (tx) => {
      await this.owners.lock(tx, ownerId);
      if (!(await this.ownKeys.revoke(tx, 'owner', ownerId, keyId))) throw notFound();
      if (hasLogin || (await this.ownKeys.countLiveKeys(tx, ownerId)) > 0) return;
      throw ownerProblems.LAST_KEY(
        'This is your only live key and you have no login: make another key or set a login first',
      );
    });
    this.bus.publish('key-revoked', { keyId: String(keyId) });
  }

  /** A key for an owner whom nobody can see yet, or whose row is locked. @throws {Problem} KEY_LIMIT */
  async insert(tx: Tx, ownerId: bigint, { name = '', expiresAt }: OwnerKeyWish): Promise<ShownKey> {
    if ((await this.ownKeys.countLiveKeys(tx, ownerId)) >= LIVE_KEYS_MAX) {
      throw ownerProblems.KEY_LIMIT(`An owner may have ${LIVE_KEYS_MAX} live keys; revoke one first`);
    }
    const { text, hash, hint } = freshKey('owner', this.config.secret);
    const record = await this.keys.insert(tx, { kind: 'owner', ownerId, name, hash, hint, scopes: [], expiresAt });
    return { ...record, key: text };
  }
}
