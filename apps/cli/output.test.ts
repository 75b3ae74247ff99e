import { describe, expect, it } from 'vitest';
import { ApiError, CliError } from './cli-error.js';
import { asCliError, Output } from './output.js';
import type { OutputMode } from './settings.js';

function outputOf(
  mode: OutputMode,
  work: (out: Output) => void,
  isTTY = false,
  env = {},
): { stdout: string; stderr: string } {
  let stdout = '';
  let stderr = '';
  const out = { write: (text: string) => (stdout += text), isTTY };
  const err = { write: (text: string) => (stderr += text), isTTY };
  work(new Output(mode, out, err, env));
  return { stdout, stderr };
}

const REFUSAL = new ApiError(400, {
  success: false,
  error: { code: 'VALIDATION_FAILED', message: 'Two fields are wrong \u001b[2J' },
  traceId: 'trace-1',
  errors: [{ field: 'price', message: 'must not be negative' }],
});

describe('output', () => {
  it('prints in JSON exactly the data, and nothing for people', () => {
    const { stdout, stderr } = outputOf('json', (out) => {
      out.note('a remark');
      out.result({ id: 1 }, () => ['never made']);
    });
    expect([stdout, stderr]).toEqual(['{"id":1}\n', '']);
  });

  it('prints errors as the API said them, with what helps to go on', () => {
    const error = new CliError('UNAVAILABLE', 'Gone.', 10);
    error.context = { idempotencyKey: 'k' };
    const { stdout, stderr } = outputOf('json', (out) => out.error(error));
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toEqual({
      success: false,
      error: { code: 'UNAVAILABLE', message: 'Gone.' },
      idempotencyKey: 'k',
    });
    expect(JSON.parse(outputOf('json', (out) => out.error(REFUSAL)).stderr)).toEqual(REFUSAL.envelope());
  });

  it('tells a person every wrong field, and the terminal nothing', () => {
    expect(outputOf('text', (out) => out.error(REFUSAL)).stderr).toBe(
      'Error: Two fields are wrong \\u001b[2J\n  price: must not be negative\n(VALIDATION_FAILED, trace trace-1)\n',
    );
    expect(outputOf('text', (out) => out.result({}, () => ['\u001b[2J'])).stdout).toBe('\\u001b[2J\n');
    expect(outputOf('text', (out) => out.note('\u009b')).stderr).toBe('\\u009b\n');
  });

  it('colours only a terminal, and not with NO_COLOR', () => {
    const error = (out: Output): void => out.error(new CliError('X', 'No.', 1));
    expect(outputOf('text', error, true).stderr).toContain('\u001b[31mError:');
    expect(outputOf('text', error, true, { NO_COLOR: '1' }).stderr).toBe('Error: No.\n');
  });

  it('names a mistake of its own as one', () => {
    expect(asCliError(new TypeError('x is not a function'))).toMatchObject({ code: 'INTERNAL', exitCode: 1 });
  });
});
