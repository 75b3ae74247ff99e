import { Injectable } from '@nestjs/common';
import { RateLimits, type RateNote } from '#platform';
import { KeyRing } from './key-ring.js';
import { unauthenticated } from './owners.problems.js';
import type { Principal } from './principal.js';

const RIGHT_KEYS_MAX = 50_000;

/**
 * Lets a principal in, as often as the limits allow. A right key counts for itself and its owner. A key that is missing,
 * malformed, wrong or of another kind counts for the address, before it is looked up: so many guesses a minute and no more,
 * also while the database fails. A key that was right here before is no guess and is not held up by the wrong ones of its
 * neighbours; the first use of a key is one, so from an address that has used up its guesses it waits for the next.
 */
@Injectable()
export class KeyDoor {
  // Only right keys come in here, so no flood of wrong ones can push them out.
  private readonly right = new Set<string>();

  constructor(
    private readonly keys: KeyRing,
    private readonly limits: RateLimits,
  ) {}

  /** As `enter`, at once, for a right key that is in memory; undefined for every other, which is not counted then.
   *  @throws {Problem} RATE_LIMITED */
  enterKnown<K extends Principal['kind']>(
    key: string | undefined,
    kind: K,
    note: RateNote,
  ): PrincipalOf<K> | undefined {
    const principal = key !== undefined && this.right.has(key) ? this.keys.known(key) : undefined;
    if (principal === undefined || !isOf(principal, kind)) return undefined;
    this.limits.admit(principal.keyId, ownerOf(principal), note);
    return principal;
  }

  /** @param note gets the fields that the answer carries
   *  @param beforeLookUp may throw to refuse what the limit of wrong keys let pass
   *  @throws {Problem} UNAUTHENTICATED, RATE_LIMITED, and what `beforeLookUp` throws */
  async enter<K extends Principal['kind']>(
    key: string | undefined,
    kind: K,
    address: () => string,
    note: RateNote,
    beforeLookUp: () => void = () => undefined,
  ): Promise<PrincipalOf<K>> {
    const wasRight = key !== undefined && this.right.has(key);
    const guess = wasRight ? undefined : this.limits.guess(address(), note);
    try {
      beforeLookUp();
    } catch (refusal) {
      // Nothing is looked up, so nothing is learnt: whoever comes with a new key is not charged for a full house.
      guess?.wasRight();
      throw refusal;
    }
    // A look-up that fails leaves the guess spent: a database in trouble opens no door.
    const principal = await this.keys.authenticate(key);
    if (key !== undefined && wasRight !== (principal !== undefined)) this.remember(key, principal !== undefined);
    // A live key of another kind opens nothing here either, and the answer does not tell that it is live elsewhere.
    if (principal === undefined || !isOf(principal, kind)) {
      if (guess === undefined) this.limits.guess(address(), note);
      throw unauthenticated(kind);
    }
    guess?.wasRight();
    this.limits.admit(principal.keyId, ownerOf(principal), note);
    return principal;
  }

  private remember(key: string, isRight: boolean): void {
    if (!isRight) this.right.delete(key);
    else {
      const [oldest] = this.right.size < RIGHT_KEYS_MAX ? [] : this.right;
      if (oldest !== undefined) this.right.delete(oldest);
      this.right.add(key);
    }
  }
}

type PrincipalOf<K extends Principal['kind']> = Extract<Principal, { kind: K }>;

function isOf<K extends Principal['kind']>(principal: Principal, kind: K): principal is PrincipalOf<K> {
  return principal.kind === kind;
}

function ownerOf(principal: Principal): bigint | undefined {
  return principal.kind === 'admin' ? undefined : principal.ownerId;
}
