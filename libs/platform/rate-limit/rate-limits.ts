import type { Problem } from '#kernel';
import type { Config } from '../config.js';
import { addressReader, type AddressReader, type Origin } from './client-address.js';
import type { RateExchange } from './rate-exchange.js';
import { rateLimitProblems } from './rate-limit.problems.js';
import { RatePolicy, type Bucket } from './rate-policy.js';
import { RateTable } from './rate-table.js';

export const EXCHANGE_EVERY_MS = 100;

/** The values of the header fields `RateLimit-Policy` and `RateLimit`. */
export type RateFields = { readonly policy: string; readonly limit: string };

/** Where the fields of an answer are noted: the request itself. */
export type RateNote = { rateFields: RateFields | null };

/** Requests with a key that may be wrong. The unit is given back when the key turns out to be right, or is not looked up. */
export type Guess = { wasRight(): void };

/**
 * How often whom: each key, each owner with all keys together, each address with requests whose key is missing,
 * malformed or wrong, and each address with requests that need none. A refused request costs nothing, so whoever keeps the pace is served at the full rate.
 *
 * Every process judges by its own counts, at once. With Redis it adds them to everybody's every 100 ms (`RateExchange`):
 * beyond the quota, n processes let pass at most what arrives at the other n - 1 within one exchange, and that excess is a
 * debt that runs off first, so the rate in the long run is the quota's. While Redis is away every process has the whole
 * quota for itself. Nothing here waits, and nothing lets a request pass uncounted.
 */
export class RateLimits {
  readonly tables: readonly RateTable[];
  /** The address that a request is counted under. */
  readonly addressOf: AddressReader;
  private readonly keys: RateTable | undefined;
  private readonly owners: RateTable | undefined;
  private readonly addresses: RateTable | undefined;
  private readonly keyless: RateTable | undefined;
  private readonly policyOfOwned: string;

  constructor(
    { rates, trustProxy }: Pick<Config, 'rates' | 'trustProxy'>,
    readonly now: () => number = () => performance.now(),
    entriesMax?: number,
  ) {
    const table = (policy: RatePolicy): RateTable | undefined =>
      policy.quota === 0 ? undefined : new RateTable(policy, entriesMax);
    this.keys = table(new RatePolicy('key', rates.key, 1));
    this.owners = table(new RatePolicy('owner', rates.owner, 1));
    this.addresses = table(new RatePolicy('address', rates.wrongKeys, 60));
    this.keyless = table(new RatePolicy('keyless', rates.keyless, 1));
    this.tables = [this.keys, this.owners, this.addresses, this.keyless].filter((one) => one !== undefined);
    const texts = [this.keys, this.owners].flatMap((one) => (one === undefined ? [] : [one.policy.text]));
    this.policyOfOwned = texts.join(', ');
    this.addressOf = addressReader(trustProxy);
  }

  /** Counts a request with a right key; an administrator's has no owner.
   *  @throws {Problem} RATE_LIMITED */
  admit(keyId: bigint, ownerId: bigint | undefined, note: RateNote): void {
    const now = this.now();
    const key = standingIn(this.keys, keyId, now);
    const owner = ownerId === undefined ? undefined : standingIn(this.owners, ownerId, now);
    const isFree = key?.left !== 0 && owner?.left !== 0;
    if (isFree) {
      if (key !== undefined) take(key, now);
      if (owner !== undefined) take(owner, now);
    }
    const nearest = nearestToItsEnd(key, owner, now);
    if (nearest === undefined) return;
    const policy = owner === undefined ? nearest.table.policy.text : this.policyOfOwned;
    note.rateFields = { policy, limit: textOf(nearest, now) };
    if (!isFree) throw refusal(nearest, now);
  }

  /** Counts a request whose key is not known to be right, before anybody looks the key up.
   *  @throws {Problem} RATE_LIMITED */
  guess(address: string, note: RateNote): Guess {
    const standing = this.count(this.addresses, address, note);
    if (standing === undefined) return NO_GUESS;
    const { table, bucket } = standing;
    return {
      wasRight: () => {
        table.policy.add(bucket, -1, this.now());
        table.touch(bucket);
      },
    };
  }

  /** Counts a request that needs no key, whatever key it carries.
   *  @throws {Problem} RATE_LIMITED */
  admitKeyless(address: string, note: RateNote): void {
    this.count(this.keyless, address, note);
  }

  /** What an answer to a request without a principal says; nothing is counted. */
  fieldsFor(request: Origin): RateFields | null {
    if (this.addresses === undefined) return null;
    const { policy } = this.addresses;
    const bucket = this.addresses.peek(this.addressOf(request)) ?? UNUSED;
    const now = this.now();
    return { policy: policy.text, limit: policy.standing(bucket, policy.left(bucket, now), now) };
  }

  private count(table: RateTable | undefined, address: string, note: RateNote): Standing | undefined {
    const now = this.now();
    const standing = standingIn(table, address, now);
    if (standing === undefined) return undefined;
    const isFree = standing.left > 0;
    if (isFree) take(standing, now);
    note.rateFields = { policy: standing.table.policy.text, limit: textOf(standing, now) };
    if (!isFree) throw refusal(standing, now);
    return standing;
  }

  /** Shares what was counted and forgets who has not been heard of. Runs every `EXCHANGE_EVERY_MS`, beside the requests. */
  async tick(exchange?: RateExchange): Promise<void> {
    if (exchange !== undefined) await exchange.run(this.tables);
    const now = this.now();
    for (const table of this.tables) {
      // There is nobody to tell.
      if (exchange === undefined) table.takeTouched(Infinity);
      table.sweep(now);
    }
  }
}

type Standing = { readonly table: RateTable; readonly bucket: Bucket; left: number };

const UNUSED: Bucket = Object.freeze({ name: '', level: 0, at: 0, unsent: 0, isTouched: false });
const NO_GUESS: Guess = { wasRight: () => undefined };

function standingIn(table: RateTable | undefined, name: string | bigint, now: number): Standing | undefined {
  if (table === undefined) return undefined;
  const bucket = table.bucketOf(name, now);
  return { table, bucket, left: table.policy.left(bucket, now) };
}

function take(standing: Standing, now: number): void {
  standing.table.policy.add(standing.bucket, 1, now);
  standing.left -= 1;
}

/** The one with the fewer units left; of two that have none, the one that takes longer. */
function nearestToItsEnd(a: Standing | undefined, b: Standing | undefined, now: number): Standing | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.left !== b.left || a.left > 0) return b.left < a.left ? b : a;
  return b.table.policy.waitS(b.bucket, now) > a.table.policy.waitS(a.bucket, now) ? b : a;
}

function textOf({ table, bucket, left }: Standing, now: number): string {
  return table.policy.standing(bucket, left, now);
}

function refusal({ table, bucket }: Standing, now: number): Problem {
  const { name, quota, windowS } = table.policy;
  const retryAfterS = table.policy.waitS(bucket, now);
  const wait = retryAfterS === 1 ? '1 second' : `${retryAfterS} seconds`;
  return rateLimitProblems.RATE_LIMITED(`${RULES[name](quota)}; try again in ${wait}`, {
    details: { policy: name, quota, windowS },
    retryAfterS,
  });
}

const RULES = {
  key: (quota: number) => `A key may make ${quota} requests a second`,
  owner: (quota: number) => `All keys of one owner may together make ${quota} requests a second`,
  address: (quota: number) => `One address may make ${quota} requests a minute without a valid key`,
  keyless: (quota: number) => `One address may make ${quota} requests a second that need no key`,
};
