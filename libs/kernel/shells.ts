/** 10^13 shells: the largest amount the ledger takes in one entry, in hundredths. */
export const SHELLS_MAX = 10n ** 15n;

export class InvalidShells extends Error {
  override readonly name = 'InvalidShells';
}

const DECIMAL = /^(-?)(\d{1,20})(?:\.(\d{1,2}))?$/;

/**
 * Reads an amount that came as a JSON string or number into hundredths of a shell.
 * @throws {InvalidShells} with a message for people: not an amount, too many digits, negative, too large
 */
export function parseShells(value: unknown): bigint {
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new InvalidShells('must be an amount of shells, as a string or a number');
  }
  // A number prints as the shortest decimal that reads back as itself, so 10.1 is "10.1" and not its binary neighbour.
  const text = String(value);
  const match = DECIMAL.exec(text);
  if (match === null) {
    throw new InvalidShells(
      /^-?\d+\.\d{3,}$/.test(text)
        ? 'must have at most two digits after the point'
        : 'must be an amount of shells such as "10" or "10.50"',
    );
  }
  const [, sign, whole = '', fraction = ''] = match;
  const cents = BigInt(whole) * 100n + BigInt(fraction.padEnd(2, '0'));
  if (sign === '-' && cents !== 0n) throw new InvalidShells('must not be negative');
  if (cents > SHELLS_MAX) throw new InvalidShells(`must be at most ${formatShells(SHELLS_MAX)}`);
  return cents;
}

/** Writes hundredths the way responses carry money: no trailing zeros ("50", "10.5", "-3"). */
export function formatShells(cents: bigint): string {
  const sign = cents < 0n ? '-' : '';
  const size = cents < 0n ? -cents : cents;
  const whole = size / 100n;
  const rest = size % 100n;
  if (rest === 0n) return `${sign}${whole}`;
  const digits = rest.toString().padStart(2, '0').replace(/0$/, '');
  return `${sign}${whole}.${digits}`;
}

/** An amount for people to read, in hundredths: "1 shell", "10.5 shells". */
export function shellsInWords(cents: bigint): string {
  return `${formatShells(cents)} ${cents === 100n ? 'shell' : 'shells'}`;
}
