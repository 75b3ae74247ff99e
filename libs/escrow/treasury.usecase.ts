import { Injectable } from '@nestjs/common';
import { fingerprint } from '#kernel';
import type { AdminPrincipal, OwnerPrincipal } from '#owners';
import { InjectConfig, isLockTimeout, isUniqueViolation, notFound, validationFailed, type Config } from '#platform';
import { escrowProblems, keyReused } from './escrow.problems.js';
import { TreasuryStore, type Asked, type Transfer } from './treasury.store.js';

/** A transfer, and whether an earlier request with this key had already made it. */
export type Made = { transfer: Transfer; isReplay: boolean };

/** Deposits and their reversals. Each is one statement of the ledger, which also keeps the key. */
@Injectable()
export class Treasury {
  constructor(
    private readonly store: TreasuryStore,
    @InjectConfig() private readonly config: Config,
  ) {}

  /** @throws {Problem} IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, VALIDATION_FAILED (no such owner) */
  async deposit(admin: AdminPrincipal, ownerId: bigint, amount: bigint, reference: string, key: string): Promise<Made> {
    return this.pay(ownerId, amount, reference, {
      by: 'admin',
      principalId: ADMINS,
      actor: `admin key ${admin.keyId}`,
      key,
      fingerprint: fingerprint(['deposit', ownerId, amount, reference]),
    });
  }

  /** An owner's deposit to itself, which only a development server takes as it is.
   *  @throws {Problem} TOP_UP_NOT_CONFIGURED, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS */
  async depositToSelf({ ownerId }: OwnerPrincipal, amount: bigint, key: string): Promise<Made> {
    if (this.config.env === 'production') {
      throw escrowProblems.TOP_UP_NOT_CONFIGURED(
        'This server has no top-up provider; ask an administrator for a deposit',
      );
    }
    return this.pay(ownerId, amount, undefined, {
      by: 'owner',
      principalId: ownerId,
      actor: `owner ${ownerId}`,
      key,
      fingerprint: fingerprint(['deposit', ownerId, amount, undefined]),
    });
  }

  /** @throws {Problem} NOT_FOUND, REVERSAL_REFUSED, INSUFFICIENT_FUNDS, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS */
  async reverse(admin: AdminPrincipal, transferId: bigint, reason: string, key: string): Promise<Made> {
    const asked: Asked = {
      by: 'admin',
      principalId: ADMINS,
      actor: `admin key ${admin.keyId}`,
      key,
      fingerprint: fingerprint(['reversal', transferId, reason]),
    };
    const { verdict, transferId: made } = await this.store.reverse(transferId, reason, asked).catch(whileAnotherRuns);
    switch (verdict) {
      case 'not_found':
        throw notFound();
      case 'key_reused':
        throw keyReused(key);
      case 'not_reversible':
        throw escrowProblems.REVERSAL_REFUSED('Only a deposit can be reversed');
      case 'already_reversed':
        throw escrowProblems.REVERSAL_REFUSED(`The transfer ${transferId} is reversed already`);
      case 'insufficient_funds':
        throw escrowProblems.INSUFFICIENT_FUNDS(
          'The owner has spent the money of this transfer, or holds it for pending invocations',
        );
      case 'done':
      case 'replay':
        return this.made(made, verdict === 'replay');
    }
  }

  private async pay(ownerId: bigint, amount: bigint, reference: string | undefined, asked: Asked): Promise<Made> {
    const { verdict, transferId } = await this.store.deposit(ownerId, amount, reference, asked).catch(whileAnotherRuns);
    if (verdict === 'not_found')
      throw validationFailed([{ field: 'ownerId', message: 'names no owner', code: 'unknown' }]);
    if (verdict === 'too_much') {
      throw validationFailed([
        {
          field: 'amount',
          message: 'would bring more than 10,000,000,000,000,000 shells into circulation',
          code: 'range',
        },
      ]);
    }
    if (verdict === 'key_reused') throw keyReused(asked.key);
    return this.made(transferId, verdict === 'replay');
  }

  private async made(transferId: bigint | null, isReplay: boolean): Promise<Made> {
    if (transferId === null) throw new Error('a transfer was made and has no id');
    return { transfer: await this.store.transfer(transferId), isReplay };
  }
}

/** Another request with the key still holds it, or was first at the same moment with another transfer. */
function whileAnotherRuns(error: unknown): never {
  if (!isUniqueViolation(error) && !isLockTimeout(error)) throw error;
  throw escrowProblems.IDEMPOTENCY_IN_PROGRESS('Another request with this key is running; repeat it shortly', {
    retryAfterS: 1,
    cause: error,
  });
}

// Keys of administrators share one scope: a repetition may come with another administrator's key.
const ADMINS = 0n;
