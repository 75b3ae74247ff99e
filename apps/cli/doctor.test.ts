import { expect, it } from 'vitest';
import { clockDiagnosis, versionDiagnosis } from './doctor-endpoint.js';
import { compareVersions, nodeDiagnosis } from './doctor-machine.js';

it.each([
  ['20.19.0', 'ok', 0],
  ['24.9.0', 'ok', 0],
  ['20.18.9', 'problem', 1],
  ['9.11.2', 'problem', 1],
])('Node %s is %s', (version, status, exit) => {
  expect(nodeDiagnosis(version)).toMatchObject({ check: 'node', status, exit });
});

it.each([
  ['1.2.3', '1.2.3', 0],
  ['1.10.0', '1.9.9', 1],
  ['0.2.0', '1.0.0', -1],
  ['1.0.0-beta.2', '1.0.0', 0],
])('%s and %s compare as %i', (a, b, order) => expect(Math.sign(compareVersions(a, b))).toBe(order));

it.each([
  ['0.1.0', 'ok', 'are version 0.1.0'],
  ['0.2.0', 'warning', 'The command is older than the server'],
  ['0.0.9', 'warning', 'The server is older than the command'],
  [undefined, 'warning', 'does not say its version'],
])('a server of version %s beside a command of 0.1.0 is %s', (theirs, status, message) => {
  expect(versionDiagnosis(theirs, '0.1.0')).toMatchObject({ status, message: expect.stringContaining(message) });
});

it.each([
  [4_900, 'ok', 'agree'],
  [-4_900, 'ok', 'agree'],
  [20_000, 'warning', "20 s behind the server's"],
  [-299_000, 'warning', "299 s ahead of the server's"],
  [300_000, 'problem', "300 s behind the server's"],
])('a clock that is %i ms apart is %s', (skewMs, status, message) => {
  expect(clockDiagnosis(skewMs)).toMatchObject({ status, message: expect.stringContaining(message) });
});
