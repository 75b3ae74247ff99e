import type { Test } from 'supertest';
import { expect, it } from 'vitest';
import type { Api } from '../support/api.js';
import { errorsOf, type Shape } from './shape.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A row of the contract: a call and the shape of its answer. */
export type Row = {
  /** The path may name what is made for each call: `/agent/me/services/{service}`. */
  call: `${Method} /${string}`;
  /** Whose key goes with it; none where the market is public. */
  as?: string;
  /** Bodies, each sent in a call of its own; a text is sent as it stands. `"{service}"` in one is the id of what is made. */
  send?: readonly (string | object)[];
  /** Queries, each asked in a call of its own. */
  ask?: readonly string[];
  data: Shape;
  /** Values that the answer has. */
  says?: object;
};

export type Stage = {
  /** Without a name: without a key. */
  api(who: string | undefined): Api;
  /** Makes what a path or a body names and answers its id. */
  make: Readonly<Record<string, () => Promise<number | string>>>;
};

/** One test for each call of each row. */
export function holdsRows(rows: readonly Row[], stage: () => Stage): void {
  for (const row of rows) {
    const { send = [undefined], ask = [''] } = row;
    for (const query of ask) {
      for (const body of send) it(titleOf(row, query, body), () => holds(row, query, body, stage()));
    }
  }
}

async function holds(row: Row, query: string, body: string | object | undefined, stage: Stage): Promise<void> {
  const [method = '', path = ''] = row.call.split(' ');
  const made = new Map<string, string>();
  const filled = async (text: string, quote = ''): Promise<string> => {
    let result = text;
    for (const [mark, name = ''] of text.matchAll(new RegExp(`${quote}\\{([a-z][a-zA-Z]*)\\}${quote}`, 'g'))) {
      const id = made.get(name) ?? String(await stage.make[name]?.());
      made.set(name, id);
      result = result.replace(mark, id);
    }
    return result;
  };
  const url = `${await filled(path)}${query === '' ? '' : `?${query}`}`;
  const text =
    body === undefined ? undefined : await filled(typeof body === 'string' ? body : JSON.stringify(body), '"');
  // Compiled clients name the type of a body also where they send none.
  const call = callOf(stage.api(row.as), method, url).set('content-type', 'application/json');
  const answer = await (text === undefined ? call : call.send(text));
  const envelope = answer.body as Record<string, unknown>;
  expect(answer.status, JSON.stringify(envelope)).toBe(200);
  expect(envelope).toMatchObject({ success: true, traceId: expect.stringMatching(/./) });
  expect(answer.headers['x-trace-id']).toBe(envelope['traceId']);
  expect(errorsOf(row.data, envelope['data'])).toEqual([]);
  if (row.says !== undefined) expect(envelope['data']).toMatchObject(row.says);
}

function callOf(api: Api, method: string, path: string): Test {
  if (method === 'POST') return api.post(path);
  if (method === 'PATCH') return api.patch(path);
  return method === 'DELETE' ? api.delete(path) : api.get(path);
}

function titleOf({ call }: Row, query: string, body: string | object | undefined): string {
  const sent = body === undefined ? '' : ` with ${typeof body === 'string' ? body : JSON.stringify(body)}`;
  return `${call}${query === '' ? '' : `?${query}`}${sent.length > 160 ? `${sent.slice(0, 159)}…` : sent}`;
}
