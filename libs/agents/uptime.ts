// An agent that has just come has no record worth a figure.
const PARTS_MIN = 12;

/** The share of whole five minutes in which an agent was there, as "99.2%"; undefined in its first hour. Only who was always there has
 *  100%. */
export function uptimeText({ seen, parts }: { seen: bigint; parts: bigint }): string | undefined {
  if (parts < PARTS_MIN) return undefined;
  if (seen >= parts) return '100.0%';
  return `${(Math.floor((Number(seen) / Number(parts)) * 1_000) / 10).toFixed(1)}%`;
}
