import { Injectable } from '@nestjs/common';
import { Database, InjectConfig, notFound, type Config } from '#platform';
import { freshKey, hashKey, hintOf } from './keys.js';
import { KeyStore, type KeyRecord } from './keys.store.js';
import { OwnerStore, type Owner } from './owner.store.js';

/** A key with its text, which is shown this one time. */
export type ShownKey = KeyRecord & { key: string };

/** What administrators do: owners, owners' keys, and the first administrator's key. */
@Injectable()
export class Owners {
  constructor(
    private readonly database: Database,
    private readonly owners: OwnerStore,
    private readonly keys: KeyStore,
    @InjectConfig() private readonly config: Config,
  ) {}

  async create(name: string): Promise<{ owner: Owner; key: ShownKey }> {
    return this.database.inTransaction(async (tx) => {
      const owner = await this.owners.insert(tx, name);
      const { text, hash, hint } = freshKey('owner', this.config.secret);
      const record = await this.keys.insert(tx, {
        kind: 'owner',
        ownerId: owner.id,
        name: 'first key',
        hash,
        hint,
        scopes: [],
      });
      return { owner, key: { ...record, key: text } };
    });
  }

  /** Another key for an owner, for instance when the first was lost.
   *  @throws {Problem} NOT_FOUND */
  async addKey(ownerId: bigint, name: string): Promise<ShownKey> {
    if ((await this.owners.find(ownerId)) === undefined) throw notFound();
    const { text, hash, hint } = freshKey('owner', this.config.secret);
    return this.database.inTransaction(async (tx) => {
      const record = await this.keys.insert(tx, { kind: 'owner', ownerId, name, hash, hint, scopes: [] });
      return { ...record, key: text };
    });
  }

  /**
   * Makes sure that an administrator's key exists. One from the environment replaces the one that stood there before; without
   * one, and when no key exists, a new one is announced *before* it is stored: a crash in between costs a second announcement,
   * never a key that nobody has seen.
   */
  async ensureAdminKey(announce: (key: string) => void | Promise<void>): Promise<void> {
    const given = this.config.adminKey;
    if (given !== undefined) return this.storeGivenAdminKey(given);
    if (await this.keys.hasAdmin()) return;
    const { text, hash, hint } = freshKey('admin', this.config.secret);
    await announce(text);
    await this.database.inTransaction((tx) =>
      this.keys.insert(tx, { kind: 'admin', name: 'first start', hash, hint, scopes: [] }),
    );
  }

  private async storeGivenAdminKey(text: string): Promise<void> {
    const hash = hashKey(text, this.config.secret);
    await this.database.inTransaction(async (tx) => {
      await this.keys.revokeAdminsNamed(tx, FROM_ENVIRONMENT, hash);
      if ((await this.keys.findByHash(tx, hash)) !== undefined) return;
      await this.keys.insert(tx, { kind: 'admin', name: FROM_ENVIRONMENT, hash, hint: hintOf(text), scopes: [] });
    });
  }
}

const FROM_ENVIRONMENT = 'C4C_ADMIN_KEY';
