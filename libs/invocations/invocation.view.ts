import { formatShells } from '#kernel';
import { phaseOf, type Role } from './invocation.js';
import type { InvocationDetail, InvocationRow, ProgressNote, SettlementRow } from './invocation.store.js';
import type { Opened } from './invoke.usecase.js';

/** The answer to an invoke: the contract's five fields, and the deadline. */
export function receiptView(opened: Opened): object {
  return {
    invocationId: Number(opened.invocationId),
    serviceId: Number(opened.serviceId),
    status: 'pending',
    price: formatShells(opened.price),
    createdAt: opened.createdAt,
    timeoutAt: opened.deadlineAt,
  };
}

/** A row of the list, as this agent sees it. */
export function rowView(row: InvocationRow, agentId: bigint): object {
  return {
    id: Number(row.id),
    serviceId: Number(row.serviceId),
    serviceTitle: row.serviceTitle,
    role: roleOf(row, agentId),
    status: row.status,
    phase: phaseOf(row),
    price: formatShells(row.price),
    createdAt: row.createdAt,
    ...(row.settledAt === null ? {} : { completedAt: row.settledAt }),
  };
}

/** One invocation as this agent sees it. */
export function detailView(row: InvocationDetail, agentId: bigint): object {
  return {
    ...rowView(row, agentId),
    invocationId: Number(row.id),
    version: row.version,
    callerAgentId: Number(row.callerAgentId),
    providerAgentId: Number(row.providerAgentId),
    timeoutAt: row.deadlineAt,
    ...payloadView(row),
    ...given('error', row.error),
    ...given('rating', row.rating),
    ...given('review', row.review),
  };
}

/** What happened, oldest first: each state, hand-over and money row with its time. */
export function timelineView(
  row: InvocationDetail,
  settlement: SettlementRow | null,
  notes: readonly ProgressNote[],
): object {
  const caller = `agent ${row.callerAgentId}`;
  const provider = `agent ${row.providerAgentId}`;
  const price = formatShells(row.price);
  const entries: { at: Date; kind: string; actor?: string; detail?: object }[] = [
    { at: row.createdAt, kind: 'invoked', actor: caller, detail: { version: row.version, price } },
  ];
  if (row.holdId !== null)
    entries.push({ at: row.createdAt, kind: 'held', actor: 'platform', detail: { amount: price } });
  if (row.handedOverAt !== null)
    entries.push({
      at: row.handedOverAt,
      kind: 'handed_over',
      actor: 'platform',
      detail: { channel: row.handOverChannel },
    });
  if (row.acknowledgedAt !== null) entries.push({ at: row.acknowledgedAt, kind: 'acknowledged', actor: provider });
  for (const { at, percent, note } of notes)
    entries.push({ at, kind: 'progress', actor: provider, detail: { percent, note } });
  if (row.settledAt !== null) {
    const kind = phaseOf(row);
    const actor = kind === 'timeout' ? 'platform' : kind === 'cancelled' ? caller : provider;
    entries.push({ at: row.settledAt, kind, actor, ...(row.error === null ? {} : { detail: { error: row.error } }) });
  }
  if (settlement !== null) {
    const { toPayee, toFee, toPayer, settledAt } = settlement;
    const detail = { toProvider: formatShells(toPayee), fee: formatShells(toFee), toCaller: formatShells(toPayer) };
    entries.push({ at: settledAt, kind: toPayee + toFee > 0n ? 'released' : 'refunded', actor: 'platform', detail });
  }
  if (row.reviewedAt !== null)
    entries.push({
      at: row.reviewedAt,
      kind: 'reviewed',
      actor: caller,
      detail: { ...given('rating', row.rating), ...given('review', row.review) },
    });
  // The sort keeps the order of what happened at the same instant.
  entries.sort((a, b) => a.at.getTime() - b.at.getTime());
  return { invocationId: Number(row.id), entries };
}

/** What was sent and answered, or since when that is gone. */
function payloadView({ input, output, attachments, payloadErasedAt }: InvocationDetail): object {
  if (payloadErasedAt !== null) return { input: null, output: null, attachments: null, payloadErasedAt };
  return { ...given('input', input), ...given('output', output), ...given('attachments', attachments) };
}

function roleOf(row: InvocationRow, agentId: bigint): Role {
  return row.callerAgentId === agentId ? 'caller' : 'provider';
}

function given(name: string, value: unknown): object {
  return value === null ? {} : { [name]: value };
}
