import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, InjectConfig, notFound, type Config } from '#platform';
import { InvitationStore, type Invitation } from './invitations.store.js';
import { hashKey } from './keys.js';
import { OwnerStore } from './owner.store.js';
import { ownerProblems } from './owners.problems.js';

const TOKEN_BYTES = 32;
const LIFE_S = 86_400;

/** An invitation with the token of its link, which is shown this one time. */
export type ShownInvitation = Invitation & { token: string };

/** Links to sign up with: who makes one, and whether one still opens something. */
@Injectable()
export class Invitations {
  constructor(
    private readonly database: Database,
    private readonly invitations: InvitationStore,
    private readonly owners: OwnerStore,
    @InjectConfig() private readonly config: Config,
  ) {}

  async create(wish: { name?: string | undefined; email?: string | undefined }): Promise<ShownInvitation> {
    const token = freshToken();
    const invitation = await this.database.inTransaction((tx) =>
      this.invitations.insert(tx, { ...wish, hash: this.hashOf(token), madeBy: 'administrator', lifeS: LIFE_S }),
    );
    return { ...invitation, token };
  }

  /** The token of a link for the first owner, in place of those that were shown before; none when there is an owner that has no part in
   *  the demo. @param demoKeys the keys of the demo's owners and agents */
  async forFirstOwner(demoKeys: readonly string[]): Promise<string | undefined> {
    if (await this.owners.hasOthers(demoKeys.map((key) => hashKey(key, this.config.secret)))) return undefined;
    const token = freshToken();
    await this.database.inTransaction(async (tx) => {
      await this.invitations.revokeLaunchers(tx);
      await this.invitations.insert(tx, { hash: this.hashOf(token), madeBy: 'launcher', lifeS: LIFE_S });
    });
    return token;
  }

  /** The invitation that this token opens. @throws {Problem} NOT_FOUND, INVITATION_ENDED */
  async open(token: string): Promise<Invitation> {
    const invitation = await this.invitations.find(this.hashOf(token));
    if (invitation === undefined) throw notFound();
    requireOpen(invitation);
    return invitation;
  }

  /** @throws {Problem} NOT_FOUND */
  async revoke(id: bigint): Promise<void> {
    if (!(await this.invitations.revoke(id))) throw notFound();
  }

  private hashOf(token: string): Buffer {
    return hashKey(`invitation ${token}`, this.config.secret);
  }
}

/** @throws {Problem} INVITATION_ENDED */
function requireOpen({ usedAt, revokedAt, isExpired }: Invitation): void {
  if (usedAt !== null) throw ended('it was used');
  if (revokedAt !== null) throw ended('it was withdrawn');
  if (isExpired) throw ended('its time is over');
}

export function ended(why: string): Error {
  return ownerProblems.INVITATION_ENDED(`This link no longer works: ${why}. Ask the administrator for another one`);
}

function freshToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}
