import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { HEAP_SETTINGS } from './heap.js';

// V8 does not say anything of a setting that it no longer has.
it('sets what this V8 has', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--v8-options']);
  const names = HEAP_SETTINGS.map((setting) => setting.replace(/^no-/, '').replace(/=.*/, ''));
  expect(names.filter((name) => !stdout.includes(`  --${name} (`))).toEqual([]);
});
