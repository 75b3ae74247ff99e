import type { AttemptRow, DeliveryRow } from './delivery-log.store.js';
import type { ReplayRow } from './replay.store.js';

export function deliveryView(row: DeliveryRow): object {
  return {
    ...row,
    id: Number(row.id),
    endpointId: Number(row.endpointId),
    seq: Number(row.seq),
    invocationId: orNull(row.invocationId),
    replayOf: orNull(row.replayOf),
    replayId: orNull(row.replayId),
  };
}

export function attemptView({ dnsMs, connectMs, tlsMs, firstByteMs, totalMs, ...attempt }: AttemptRow): object {
  return { ...attempt, timings: { dnsMs, connectMs, tlsMs, firstByteMs, totalMs } };
}

export function replayView({ after, through, ...replay }: ReplayRow): object {
  return {
    ...replay,
    id: Number(replay.id),
    endpointId: Number(replay.endpointId),
    after: replay.kind === 'range' ? Number(after) : null,
    through: replay.kind === 'range' ? Number(through) : null,
  };
}

function orNull(id: bigint | null): number | null {
  return id === null ? null : Number(id);
}
