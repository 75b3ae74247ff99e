const SAME_AGAIN_AFTER_MS = 30_000;
const REMEMBERED_MAX = 50;

/** Passes an error on unless the same message has been passed on in the last 30 s. */
export function damped(onError: (error: Error) => void): (thrown: unknown) => void {
  const toldAtMs = new Map<string, number>();
  return (thrown) => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const nowMs = Date.now();
    const told = toldAtMs.get(error.message);
    if (told !== undefined && nowMs - told < SAME_AGAIN_AFTER_MS) return;
    if (toldAtMs.size >= REMEMBERED_MAX) toldAtMs.clear();
    toldAtMs.set(error.message, nowMs);
    onError(error);
  };
}
