/** A calendar month in UTC. */
export type Month = {
  /** `2026-10` */
  name: string;
  /** Its first instant. */
  start: Date;
  /** The first instant that is not in it any more. */
  end: Date;
};

const NAME = /^(\d{4})-(0[1-9]|1[0-2])$/;

/** Undefined for text that names no month. */
export function monthFrom(name: string): Month | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, year, month] = match.map(Number);
  return year === undefined || month === undefined ? undefined : monthOf(year, month - 1);
}

/** The month that an instant belongs to. */
export function monthAt(instant: Date): Month {
  return monthOf(instant.getUTCFullYear(), instant.getUTCMonth());
}

export function monthAfter({ end }: Month): Month {
  return monthAt(end);
}

function monthOf(year: number, index: number): Month {
  const start = firstInstant(year, index);
  return { name: start.toISOString().slice(0, 7), start, end: firstInstant(year, index + 1) };
}

/** `Date.UTC` would take the years 0 to 99 for the last century's. */
function firstInstant(year: number, index: number): Date {
  const first = new Date(0);
  first.setUTCFullYear(year, index, 1);
  return first;
}
