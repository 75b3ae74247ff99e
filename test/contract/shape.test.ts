import { expect, it } from 'vitest';
import { errorsOf, type Shape } from './shape.js';

const NOW = '2026-01-05T10:00:02.123Z';

it.each<[Shape, unknown]>([
  ['text', ''],
  ['id', 7],
  ['string id', '7'],
  ['int', 0],
  ['number', 4.5],
  ['money', '0'],
  ['money', '10.5'],
  ['money', '10.05'],
  ['time', NOW],
  ['JSON text', '{"type":"object"}'],
  ['online|busy', 'busy'],
  [['text'], []],
  [{ 'id?': 'id' }, {}],
  [{ 'id?': 'id' }, { id: null, more: 1 }],
  [{ rows: [{ id: 'id' }] }, { rows: [{ id: 1 }, { id: 2 }] }],
])('%j takes %j', (shape, value) => expect(errorsOf(shape, value)).toEqual([]));

it.each<[Shape, unknown, string]>([
  ['text', null, 'data is null and no text'],
  ['id', '7', 'data is "7" and no id'],
  ['id', 0, 'data is 0'],
  ['id', 7.5, 'data is 7.5'],
  ['string id', 7, 'data is 7'],
  ['int', 1.5, 'data is 1.5'],
  ['number', '4.5', 'data is "4.5"'],
  ['money', 10, 'data is 10'],
  ['money', '10.50', 'data is "10.50"'],
  ['money', '10.0', 'data is "10.0"'],
  ['money', '1e3', 'data is "1e3"'],
  ['money', '-1', 'data is "-1"'],
  ['time', 1_767_607_202_123, 'data is 1767607202123'],
  ['time', '2026-01-05T10:00:02+01:00', 'data is "2026'],
  ['JSON text', { type: 'object' }, 'data is {"type":"object"}'],
  ['JSON text', 'null', 'data is "null"'],
  ['online|busy', 'away', 'no online|busy'],
  [['text'], null, 'data is null and no list'],
  [['text'], ['a', 1], 'data[1] is 1'],
  [{ id: 'id' }, {}, 'data.id is absent and no id'],
  [{ id: 'id' }, [], 'data is [] and no object'],
  [{ 'id?': 'id' }, { id: '1' }, 'data.id is "1"'],
  [{ rows: [{ id: 'id' }] }, { rows: [{ id: 1 }, {}] }, 'data.rows[1].id is absent'],
])('%j refuses %j', (shape, value, reason) => {
  expect(errorsOf(shape, value)).toEqual([expect.stringContaining(reason)]);
});
