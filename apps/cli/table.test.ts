import { describe, expect, it } from 'vitest';
import { pairs, table } from './table.js';

const SHAPE = [
  { title: 'ID', value: (row: Row) => row.id, align: 'right' as const },
  { title: 'TITLE', value: (row: Row) => row.title, canShrink: true },
  { title: 'PRICE', value: (row: Row) => row.price, align: 'right' as const },
];
type Row = { id: number; title: string; price: string };

describe('tables', () => {
  it('aligns columns, numbers to the right', () => {
    const lines = table(SHAPE, [
      { id: 7, title: 'Text statistics', price: '2.5' },
      { id: 12, title: '贝壳', price: '100' },
    ]);
    expect(lines).toEqual(['ID  TITLE            PRICE', ' 7  Text statistics    2.5', '12  贝壳               100']);
  });

  it('cuts only what may be cut when the terminal is narrow', () => {
    const lines = table(SHAPE, [{ id: 7, title: 'A very long title of a service', price: '12345' }], 30);
    expect(lines[1]).toBe(' 7  A very long title…   12345');
  });

  it('lets no cell break a line or command the terminal', () => {
    const [, line] = table(SHAPE, [{ id: 1, title: 'a\n\u001b[2Jb', price: '1' }]);
    expect(line).toContain('a \\u001b[2Jb');
  });
});

describe('pairs', () => {
  it('aligns values, leaves out the empty ones and indents further lines', () => {
    expect(
      pairs([
        ['Id', 7],
        ['Review', null],
        ['Description', 'one\ntwo'],
      ]),
    ).toEqual(['Id:          7', 'Description: one', '             two']);
  });
});
