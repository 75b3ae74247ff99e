import { formatShells } from '#kernel';
import type { Transfer } from './treasury.store.js';

/** The answer to a deposit. */
export function depositView(transfer: Transfer): object {
  return {
    transferId: Number(transfer.id),
    ownerId: Number(transfer.credit),
    amount: formatShells(transfer.amount),
    ...(transfer.reference === null ? {} : { reference: transfer.reference }),
    createdAt: transfer.createdAt,
  };
}

/** The answer to a reversal. */
export function reversalView(transfer: Transfer): object {
  return {
    transferId: Number(transfer.id),
    reverses: Number(transfer.reverses),
    amount: formatShells(transfer.amount),
    reason: transfer.memo,
    createdAt: transfer.createdAt,
  };
}
