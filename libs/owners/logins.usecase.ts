import { Injectable } from '@nestjs/common';
import { Database, httpProblems, InjectConfig, rateLimitProblems, validationFailed, type Config } from '#platform';
import { hashKey } from './keys.js';
import { loginKey } from './login-name.js';
import { LoginStore, type Login } from './logins.store.js';
import { OwnerStore, type Owner } from './owner.store.js';
import { ownerProblems } from './owners.problems.js';
import type { ShownKey } from './owners.usecase.js';
import { Passwords } from './passwords.js';
import type { OwnerPrincipal } from './principal.js';
import { Sessions } from './sessions.usecase.js';

// So many wrong passwords for one login, wherever they come from; whoever holds a key or a session works on.
const WRONG_MAX = 10;
const WRONG_WINDOW_S = 900;
const KEY_LENGTH_MAX = 254;

export type SignedIn = { owner: Owner; session: ShownKey };

/** What owners do with their name and password. */
@Injectable()
export class Logins {
  constructor(
    private readonly database: Database,
    private readonly logins: LoginStore,
    private readonly owners: OwnerStore,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** A session for whoever knows the password. @throws {Problem} LOGIN_FAILED, RATE_LIMITED, OVERLOADED */
  async signIn(name: string, password: string, client: string): Promise<SignedIn> {
    const key = loginKey(name);
    const { ownerId, password: checked } = await this.passwords.inTurn(async () => {
      await this.requireFewAttempts(key);
      return this.check(await this.logins.findByKey(key), password);
    });
    const owner = await this.owner(ownerId);
    const { session, ended } = await this.database.inTransaction(async (tx) => {
      // Since it was checked the password may have been changed, which ended all sessions; none may come after that.
      if (!(await this.logins.hold(tx, ownerId, checked))) throw wrong();
      await this.logins.forgetAttempts(tx, this.hashOf(key));
      return this.sessions.open(tx, ownerId, client);
    });
    this.sessions.tellEnded(ended);
    return { owner, session };
  }

  /** A name and a password for an owner that has none. With a key they may also be replaced, for who has forgotten them: a key opens
   *  everything anyway. That ends all sessions. @throws {Problem} LOGIN_EXISTS, LOGIN_TAKEN, OVERLOADED */
  async setLogin(principal: OwnerPrincipal, name: string, password: string): Promise<void> {
    const { ownerId, isSession } = principal;
    const before = await this.logins.ofOwner(ownerId);
    // A session that somebody finds open on a screen must not become the account.
    if (isSession) {
      throw ownerProblems.LOGIN_EXISTS(
        'A session cannot set a login: change the password with POST /openapi/v1/owner/password, or use a key',
      );
    }
    const key = usableKey(name, 'login');
    const hash = await this.passwords.inTurn(() => this.passwords.hash(password));
    const ended = await this.database.inTransaction(async (tx) => {
      await this.owners.lock(tx, ownerId);
      await this.logins.remove(tx, ownerId);
      const email = name.includes('@') ? name : (before?.email ?? undefined);
      if (!(await this.logins.insert(tx, { ownerId, login: name, key, email, password: hash }))) throw taken();
      await this.logins.forgetAttempts(tx, this.hashOf(key));
      return this.sessions.endOthers(tx, ownerId, undefined);
    });
    this.sessions.tellEnded(ended);
  }

  /** Another password; all other sessions end. Answers how many.
   *  @throws {Problem} NOT_FOUND (no login), LOGIN_FAILED, RATE_LIMITED, OVERLOADED */
  async changePassword({ ownerId, keyId }: OwnerPrincipal, current: string, fresh: string): Promise<number> {
    const login = await this.logins.ofOwner(ownerId);
    if (login === undefined) {
      throw httpProblems.NOT_FOUND('You have no login yet; POST /openapi/v1/owner/login sets one');
    }
    const key = loginKey(login.login);
    const hash = await this.passwords.inTurn(async () => {
      await this.requireFewAttempts(key);
      await this.check(login, current);
      return this.passwords.hash(fresh);
    });
    const ended = await this.database.inTransaction(async (tx) => {
      if (!(await this.logins.replacePassword(tx, ownerId, login.password, hash))) throw wrong();
      await this.logins.forgetAttempts(tx, this.hashOf(key));
      return this.sessions.endOthers(tx, ownerId, keyId);
    });
    this.sessions.tellEnded(ended);
    return ended.length;
  }

  async loginOf(ownerId: bigint): Promise<Login | undefined> {
    return this.logins.ofOwner(ownerId);
  }

  private async check(login: Login | undefined, password: string): Promise<Login> {
    const isRight = await this.passwords.matches(password, login?.password);
    if (!isRight || login === undefined) throw wrong();
    return login;
  }

  private async requireFewAttempts(key: string): Promise<void> {
    const attempt = await this.logins.attempt(this.hashOf(key), WRONG_MAX, WRONG_WINDOW_S);
    if (attempt.isFree) return;
    throw rateLimitProblems.RATE_LIMITED(
      `A login may be tried with ${WRONG_MAX} wrong passwords in ${WRONG_WINDOW_S / 60} minutes; try again in ${attempt.waitS} seconds`,
      {
        details: { policy: 'login', quota: WRONG_MAX, windowS: WRONG_WINDOW_S },
        retryAfterS: attempt.waitS,
      },
    );
  }

  private async owner(id: bigint): Promise<Owner> {
    const owner = await this.owners.find(id);
    if (owner === undefined) throw new Error(`owner ${id} has a login and is gone`);
    return owner;
  }

  /** Nobody reads from the table what was typed for a login, which may be a password in the wrong field. */
  private hashOf(key: string): Buffer {
    return hashKey(`login ${key}`, this.config.secret);
  }
}

/** One answer for a login that does not exist and a password that is wrong. */
function wrong(): Error {
  return ownerProblems.LOGIN_FAILED('There is no login of this name with this password');
}

/** What the login is compared by. Some characters stand for many others. @throws {Problem} VALIDATION_FAILED */
export function usableKey(login: string, field: string): string {
  const key = loginKey(login);
  if (key !== '' && key.length <= KEY_LENGTH_MAX) return key;
  throw validationFailed([
    { field, message: 'cannot be a login: written in plain letters it is too long', code: 'invalid' },
  ]);
}

export function taken(): Error {
  return ownerProblems.LOGIN_TAKEN('Another owner has this login; choose another one');
}
