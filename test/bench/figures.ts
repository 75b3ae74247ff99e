/** A number with its unit: "/s", "ms", "MB", "B", or "" for a plain count. */
export type Measure = { value: number; unit: string };

/** What the judged number must keep: the ratio where there is one, else the figure itself, in the figure's unit. */
export type Must = { atLeast: number } | { atMost: number };

export type Verdict = 'pass' | 'fail' | 'skipped' | 'shown';

/** One line of the bench's table. Make it with `ratioRow`, `boundRow`, `shownRow` or `skippedRow`. */
export type Row = {
  /** What is compared with what, in words that stay the same from run to run. */
  what: string;
  figure?: Measure;
  reference?: Measure;
  ratio?: number;
  must?: Must;
  verdict: Verdict;
  /** Why it was skipped, or what the reader of this figure has to know. */
  note?: string;
};

type Described = { what: string; note?: string };

/** A figure over its reference. @param row `ratio` where it is more than one division, such as the median of the rounds' ratios */
export function ratioRow(row: Described & { figure: Measure; reference: Measure; must: Must; ratio?: number }): Row {
  const ratio = row.ratio ?? row.figure.value / row.reference.value;
  return { ...row, ratio, verdict: verdictOf(ratio, row.must) };
}

/** A figure that must stay on one side of a fixed bound. */
export function boundRow(row: Described & { figure: Measure; must: Must }): Row {
  return { ...row, verdict: verdictOf(row.figure.value, row.must) };
}

/** A figure that is told and not judged. */
export function shownRow(row: Described & { figure: Measure; reference?: Measure; ratio?: number }): Row {
  return { ...row, verdict: 'shown' };
}

export function skippedRow({ what, must, reason }: { what: string; must?: Must; reason: string }): Row {
  return { what, ...(must === undefined ? {} : { must }), verdict: 'skipped', note: reason };
}

/** Nothing measured is nothing kept: a number that is none, or a ratio to nothing, fails. */
export function verdictOf(judged: number, must: Must): 'pass' | 'fail' {
  if (!Number.isFinite(judged)) return 'fail';
  const isKept = 'atLeast' in must ? judged >= must.atLeast : judged <= must.atMost;
  return isKept ? 'pass' : 'fail';
}
