import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { httpProblems, Turnstile, TurnstileFull } from '#platform';

// What OWASP names for scrypt: 32 MB and about a quarter of a second for each guess.
const COST = { log2N: 15, r: 8, p: 3 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const MEMORY_MAX_BYTES = 64 * 1024 * 1024;
const SHAPE = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{1,100})\$([\w-]{1,100})$/;
const RETRY_AFTER_S = 2;

// Two of the four threads that Node has for such work, and 64 MB; the others keep files and names moving.
const AT_ONCE = { workingMax: 2, waitingMax: 4, waitMaxMs: 10_000 };

/** Hashes passwords, which is slow on purpose; so only so many at a time, and who comes beyond that is told to come back. */
@Injectable()
export class Passwords {
  private readonly places = new Turnstile(AT_ONCE);
  // A login that does not exist takes as long as one that does.
  private readonly nobodys = stored(randomBytes(SALT_BYTES), randomBytes(HASH_BYTES));

  /** Runs what hashes passwords when there is a place for it. @throws {Problem} OVERLOADED */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    try {
      await this.places.enter(false);
    } catch (error) {
      if (!(error instanceof TurnstileFull)) throw error;
      throw httpProblems.OVERLOADED('As many passwords as may be are being checked; repeat the request shortly', {
        retryAfterS: RETRY_AFTER_S,
        cause: error,
      });
    }
    try {
      return await work();
    } finally {
      this.places.leave();
    }
  }

  /** What is stored of a password: the function, its parameters, a salt and the hash. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return stored(salt, await derive(password, salt, COST, HASH_BYTES));
  }

  /** Whether it is the password of which this is stored. Of nothing, none is, after the same time. */
  async matches(password: string, of: string | undefined): Promise<boolean> {
    const [, log2N, r, p, salt, hash] = SHAPE.exec(of ?? this.nobodys) ?? [];
    if (salt === undefined || hash === undefined) throw new Error('a stored password has an unknown form');
    const expected = Buffer.from(hash, 'base64url');
    const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) };
    const given = await derive(password, Buffer.from(salt, 'base64url'), cost, expected.length);
    return timingSafeEqual(given, expected) && of !== undefined;
  }
}

function stored(salt: Buffer, hash: Buffer): string {
  const { log2N, r, p } = COST;
  return ['scrypt', log2N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** The same password typed on two keyboards may come as different code points, so it is normalised first. */
function derive(password: string, salt: Buffer, { log2N, r, p }: typeof COST, bytes: number): Promise<Buffer> {
  const options = { N: 2 ** log2N, r, p, maxmem: MEMORY_MAX_BYTES };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, bytes, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
