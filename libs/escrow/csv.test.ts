import { expect, it } from 'vitest';
import { prefersCsv, textCell } from './csv.js';

it.each([
  ['text/csv', true],
  ['TEXT/CSV; charset=utf-8', true],
  ['text/csv, */*;q=0.1', true],
  ['text/csv, application/json', true],
  ['application/json;q=0.5, text/csv', true],
  ['text/csv, */*', true],
  ['text/csv;q=0.1', true],
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['text/csv;q=0', false],
  ['text/csv; q=0.000', false],
  ['text/csv;q=x', false],
  ['text/csv-schema', false],
  ['text/csv+x', false],
  ['application/json, text/csv', false],
  ['text/csv;q=0.5, application/json', false],
  ['text/csv;q=0.5, */*', false],
])('`Accept: %s` prefers CSV: %s', (accept, prefers) => {
  expect(prefersCsv(accept)).toBe(prefers);
});

it.each(['=1+1', '+1', '-1', '@x', '＝1+1', '＋1', '－1', '＠x', '\tx'])('keeps %j from being a formula', (text) => {
  expect(textCell(text)).toBe(`'${text}`);
});

it.each(['1=1', 'a＝b', 'ü', ''])('leaves %j as it is', (text) => {
  expect(textCell(text)).toBe(text);
});
