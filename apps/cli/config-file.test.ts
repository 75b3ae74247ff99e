import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configPath, readConfig, writeConfig } from './config-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'c4c-config-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the configuration file', () => {
  it('is empty when it does not exist', () => {
    expect(readConfig(join(folder, 'none.json')).config).toEqual({});
  });

  it('is written for its owner only, in a folder made when needed, and leaves no draft', () => {
    const path = join(folder, 'deep', 'config.json');
    writeConfig(path, { api_token: 'secret' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ api_token: 'secret' });
    expect(readdirSync(join(folder, 'deep'))).toEqual(['config.json']);
  });

  it('keeps what it does not know', () => {
    const path = join(folder, 'config.json');
    writeFileSync(path, '{"api_token":"a","later":{"x":1}}', { mode: 0o600 });
    writeConfig(path, { ...readConfig(path).config, api_token: 'b' });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ api_token: 'b', later: { x: 1 } });
  });

  it('is closed to others, with a warning', () => {
    const path = join(folder, 'config.json');
    writeFileSync(path, '{}');
    chmodSync(path, 0o644);
    expect(readConfig(path).warning).toContain('mode 644');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readConfig(path).warning).toBeUndefined();
  });

  it.each([
    ['{', 'is not JSON'],
    ['[]', 'must hold one JSON object'],
    ['{"api_token": 7}', '"api_token"'],
    ['{"profile": {}}', '"profile"'],
    ['{"profiles": []}', '"profiles"'],
    ['{"profiles": {"work": "x"}}', 'The profile "work"'],
    ['{"profiles": {"work": {"api_token": 7}}}', '"api_token" in the profile "work"'],
  ])('refuses %s with a sentence', (text, message) => {
    const path = join(folder, 'config.json');
    writeFileSync(path, text, { mode: 0o600 });
    expect(() => readConfig(path)).toThrow(message);
  });
});

describe('where it lies', () => {
  it('is what the flag says, then the environment, then the home folder', () => {
    expect(configPath('/a/b.json', { C4C_CONFIG: '/c.json' })).toBe('/a/b.json');
    expect(configPath(undefined, { C4C_CONFIG: '/c.json' })).toBe('/c.json');
    expect(configPath(undefined, {})).toMatch(/\.c4c\/config\.json$/);
  });
});
