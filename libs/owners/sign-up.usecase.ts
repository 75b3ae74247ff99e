import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import { InvitationStore } from './invitations.store.js';
import { ended, Invitations } from './invitations.usecase.js';
import { LoginStore } from './logins.store.js';
import { taken, usableKey, type SignedIn } from './logins.usecase.js';
import { OwnerKeys } from './owner-keys.usecase.js';
import { OwnerStore } from './owner.store.js';
import type { ShownKey } from './owners.usecase.js';
import { Passwords } from './passwords.js';
import { Sessions } from './sessions.usecase.js';

export type SignUp = { token: string; name: string; email?: string | undefined; password: string };
export type SignedUp = SignedIn & { login: string; key: ShownKey };

/** Makes an owner of whoever has a link: with a wallet, a login, a first key and a session, or nothing of all that. */
@Injectable()
export class SignUps {
  constructor(
    private readonly database: Database,
    private readonly opened: Invitations,
    private readonly invitations: InvitationStore,
    private readonly owners: OwnerStore,
    private readonly logins: LoginStore,
    private readonly ownerKeys: OwnerKeys,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
  ) {}

  /** The login is the address, or without one the name. @throws {Problem} NOT_FOUND, INVITATION_ENDED, LOGIN_TAKEN, OVERLOADED */
  async signUp({ token, name, email, password }: SignUp, client: string): Promise<SignedUp> {
    const invitation = await this.opened.open(token);
    const login = email ?? name;
    const key = usableKey(login, email === undefined ? 'name' : 'email');
    // Told before the work of hashing, and decided by the row.
    if ((await this.logins.findByKey(key)) !== undefined) throw taken();
    const hash = await this.passwords.inTurn(() => this.passwords.hash(password));
    return this.database.inTransaction(async (tx) => {
      const owner = await this.owners.insert(tx, name);
      if (!(await this.invitations.use(tx, invitation.id, owner.id))) throw ended('it was used or its time is over');
      if (!(await this.logins.insert(tx, { ownerId: owner.id, login, key, email, password: hash }))) throw taken();
      const first = await this.ownerKeys.insert(tx, owner.id, { name: 'first key' });
      const { session } = await this.sessions.open(tx, owner.id, client);
      return { owner, login, key: first, session };
    });
  }
}
