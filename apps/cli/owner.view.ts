import { randomUUID } from 'node:crypto';
import { rowOf, time } from './answer.js';
import { quoted, type Session } from './session.js';
import { pairs } from './table.js';

export type KeyedOptions = { idempotencyKey?: string };

/** A key that was just made: the only time it can be read. */
export function keyLines(data: unknown): string[] {
  const row = rowOf(data);
  const { scopes } = row;
  return [
    ...pairs([
      ['Key', row['key']],
      ['Key id', row['id']],
      ['Scopes', Array.isArray(scopes) ? scopes.map(String).join(' ') : undefined],
      ['Ends', time(row['expiresAt'])],
    ]),
    'Keep the key now: it is not shown again.',
  ];
}

/** The body of a movement of money, with the key that makes repeating it safe. */
export function moneyBody(session: Session, body: object, options: KeyedOptions): object {
  const idempotencyKey = options.idempotencyKey ?? `cli-${randomUUID()}`;
  session.out.note(`To repeat this safely: --idempotency-key ${quoted(idempotencyKey)}`);
  return { ...body, idempotencyKey };
}
