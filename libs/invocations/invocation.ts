/** The contract's states, of which a pending invocation reaches exactly one other. */
export type InvocationStatus = 'pending' | 'completed' | 'failed' | 'timeout';

/** The finer state: where a pending invocation is, or how it ended. */
export type InvocationPhase = 'queued' | 'handed_over' | 'acknowledged' | 'completed' | 'failed' | 'cancelled' | 'timeout';

export type Role = 'caller' | 'provider';

type Marked = { status: InvocationStatus; cancelled: boolean; handedOverAt: Date | null; acknowledgedAt: Date | null };

/** @see docs/architecture.md for the diagram */
export function phaseOf({ status, cancelled, handedOverAt, acknowledgedAt }: Marked): InvocationPhase {
  if (status !== 'pending') return cancelled ? 'cancelled' : status;
  if (acknowledgedAt !== null) return 'acknowledged';
  return handedOverAt !== null ? 'handed_over' : 'queued';
}
