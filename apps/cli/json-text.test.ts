import { describe, expect, it } from 'vitest';
import { jsonText } from './json-text.js';

describe('JSON for people', () => {
  it.each([
    [{}, '{}'],
    [[], '[]'],
    [{ words: 2 }, '{ "words": 2 }'],
    [[1, 'a', null, { b: true }], '[1, "a", null, { "b": true }]'],
  ])('keeps %j on one line', (value, text) => {
    expect(jsonText(value)).toBe(text);
  });

  it('spreads what does not fit, and means the same', () => {
    const value = {
      type: 'object',
      required: ['text'],
      properties: { text: { type: 'string', minLength: 1, maxLength: 60_000 } },
    };
    const text = jsonText(value);
    expect(text.split('\n')).toEqual([
      '{',
      '  "type": "object",',
      '  "required": ["text"],',
      '  "properties": { "text": { "type": "string", "minLength": 1, "maxLength": 60000 } }',
      '}',
    ]);
    expect(JSON.parse(text)).toEqual(value);
  });
});
