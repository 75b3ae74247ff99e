import { Injectable } from '@nestjs/common';
import { freshKey, KeyStore, ownerProblems, SCOPES, type KeyRecord, type ShownKey } from '#owners';
import { Bus, Database, InjectConfig, notFound, validationFailed, type Config, type Tx } from '#platform';
import { AgentStore, type Agent } from './agent.store.js';

const LIVE_KEYS_MAX = 20;
const OVERLAP_DEFAULT_S = 86_400;

export type KeyWish = {
  name?: string | undefined;
  scopes?: readonly string[] | undefined;
  expiresAt?: Date | undefined;
};

/** What an owner does with its agents and their keys. */
@Injectable()
export class AgentKeys {
  constructor(
    private readonly database: Database,
    private readonly agents: AgentStore,
    private readonly keys: KeyStore,
    private readonly bus: Bus,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** A new agent with its first key. */
  async createAgent(
    ownerId: bigint,
    wish: { name: string; category?: string | undefined; description?: string | undefined },
  ): Promise<{ agent: Agent; key: ShownKey }> {
    const { agentId, key } = await this.database.inTransaction(async (tx) => {
      const id = await this.agents.insert(tx, ownerId, wish);
      return { agentId: id, key: await this.insertKey(tx, ownerId, id, { name: 'first key' }) };
    });
    const agent = await this.agents.find(agentId);
    if (agent === undefined) throw new Error(`agent ${agentId} is gone`);
    return { agent, key };
  }

  /** @throws {Problem} NOT_FOUND, KEY_LIMIT, VALIDATION_FAILED */
  async createKey(ownerId: bigint, agentId: bigint, wish: KeyWish): Promise<ShownKey> {
    return this.database.inTransaction(async (tx) => {
      if (!(await this.agents.lock(tx, ownerId, agentId))) throw notFound();
      if (wish.expiresAt !== undefined && wish.expiresAt <= (await this.keys.now(tx))) {
        throw validationFailed([{ field: 'expiresAt', message: 'must be in the future', code: 'range' }]);
      }
      return this.insertKey(tx, ownerId, agentId, wish);
    });
  }

  /** A new key with the scopes and the name of the old one, which works on for the overlap.
   *  @throws {Problem} NOT_FOUND (also for a key that is revoked, expired or replaced already), KEY_LIMIT */
  async rotate(
    ownerId: bigint,
    agentId: bigint,
    keyId: bigint,
    overlapS = OVERLAP_DEFAULT_S,
  ): Promise<{ key: ShownKey; replaced: KeyRecord }> {
    const result = await this.database.inTransaction(async (tx) => {
      if (!(await this.agents.lock(tx, ownerId, agentId))) throw notFound();
      const replaced = await this.keys.replace(tx, agentId, keyId, overlapS);
      if (replaced === undefined) throw notFound();
      const key = await this.insertKey(tx, ownerId, agentId, { name: replaced.name, scopes: replaced.scopes });
      await this.keys.noteReplacement(tx, keyId, key.id);
      return { key, replaced };
    });
    if (overlapS === 0) this.bus.publish('key-revoked', { keyId: String(keyId) });
    return result;
  }

  /** @throws {Problem} NOT_FOUND */
  async revoke(ownerId: bigint, agentId: bigint, keyId: bigint): Promise<void> {
    const isRevoked = await this.database.inTransaction(async (tx) => {
      if (!(await this.agents.lock(tx, ownerId, agentId))) throw notFound();
      return this.keys.revoke(tx, agentId, keyId);
    });
    if (!isRevoked) throw notFound();
    this.bus.publish('key-revoked', { keyId: String(keyId) });
  }

  /** Stops keys, sockets and new spending; what is held runs to its end. Freezing twice is no mistake.
   *  @throws {Problem} NOT_FOUND */
  async freeze(ownerId: bigint, agentId: bigint, reason: string | undefined): Promise<void> {
    if ((await this.agents.findOfOwner(ownerId, agentId)) === undefined) throw notFound();
    await this.agents.freeze(ownerId, agentId, reason);
    this.bus.publish('agent-frozen', { agentId: String(agentId) });
  }

  /** @throws {Problem} NOT_FOUND */
  async unfreeze(ownerId: bigint, agentId: bigint): Promise<void> {
    if ((await this.agents.findOfOwner(ownerId, agentId)) === undefined) throw notFound();
    await this.agents.unfreeze(ownerId, agentId);
    this.bus.publish('agent-frozen', { agentId: String(agentId) });
  }

  private async insertKey(
    tx: Tx,
    ownerId: bigint,
    agentId: bigint,
    { name = '', scopes = SCOPES, expiresAt }: KeyWish,
  ): Promise<ShownKey> {
    if ((await this.keys.countLiveOfAgent(tx, agentId)) >= LIVE_KEYS_MAX) {
      throw ownerProblems.KEY_LIMIT(`An agent may have ${LIVE_KEYS_MAX} live keys; revoke one first`);
    }
    const { text, hash, hint } = freshKey('agent', this.config.secret);
    const record = await this.keys.insert(tx, { kind: 'agent', ownerId, agentId, name, hash, hint, scopes, expiresAt });
    return { ...record, key: text };
  }
}
