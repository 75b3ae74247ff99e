import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readDocument, readJsonObject, readText } from './input-file.js';

const folder = mkdtempSync(join(tmpdir(), 'c4c-input-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const nested = (levels: number): string => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;

describe('a file with input', () => {
  it('is read without its byte order mark, in whole characters', () => {
    const long = 'ü'.repeat(100_000);
    expect(readText(file('bom.txt', `\ufeff${long}`), '--file')).toBe(long);
  });

  it('may be as deep as the API takes, and no deeper', () => {
    expect(readJsonObject(file('32.json', nested(32)), '--input')).toHaveProperty('a');
    for (const levels of [33, 100_000]) {
      const source = file('deep.json', nested(levels));
      expect(() => readJsonObject(source, '--input')).toThrow('nested too deeply');
      expect(() => readJsonObject(nested(levels), '--input')).toThrow('nested too deeply');
    }
  });

  it.each([
    ['circle.yaml', 'a: &a\n  b: *a\n', 'nested too deeply'],
    ['deep.yaml', `a: ${'['.repeat(100_000)}`, 'is not YAML'],
    ['list.yaml', '- 1\n', 'must hold one object'],
  ])('is refused where it cannot be sent: %s', async (name, text, reason) => {
    await expect(readDocument(file(name, text), '--file')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(reason) as string,
    });
  });

  it('may not be endless', () => {
    expect(() => readText('/dev/zero', '--file')).toThrow('larger than anything');
  });

  it.each(['[1]', ' "text"', '7', 'null', '[1'])('is told apart from %s, JSON that is no object', (source) => {
    expect(() => readJsonObject(source, '--input')).toThrow('must be a JSON object');
  });

  it('may have a name that looks like JSON', () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      writeFileSync('7', '{"a":1}');
      expect(readJsonObject('7', '--input')).toEqual({ a: 1 });
    } finally {
      process.chdir(before);
    }
  });
});
