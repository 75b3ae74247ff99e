import { expect, it } from 'vitest';
import { createLog, nestLogger } from './log.js';
import { withTrace } from './trace.js';

function collecting() {
  const lines: string[] = [];
  const log = createLog('debug', { write: (line: string) => void lines.push(line) });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

it('writes one JSON line with level, time, trace id and fields', () => {
  const { log, last } = collecting();
  withTrace('abc', () => log.info({ invocationId: 7 }, 'done'));
  expect(last()).toMatchObject({ level: 'info', msg: 'done', traceId: 'abc', invocationId: 7 });
  expect(last()['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
});

it('keeps secrets out by name, however deep, and by shape, wherever they stand', () => {
  const { log, lines } = collecting();
  log.info({
    headers: { 'X-API-Key': 'hush', authorization: 'Bearer hush' },
    list: [{ password: 'hush' }],
    key: 'hush',
    secret: 'hush',
  });
  log.warn({ url: '/ws?api_key=hush&x=1' }, 'GET /x?api_key=hush');
  log.error(
    { err: new Error('bad key c4c_agent_hush_hushed at postgres://c4c:hush@db:5432/x') },
    'c4c_owner_hush_hush',
  );
  expect(lines.join('')).not.toContain('hush');
  expect(lines.join('')).toContain('postgres://c4c:[redacted]@db:5432/x');
});

it('shows the chain of causes of an error', () => {
  const { log, last } = collecting();
  log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  expect(JSON.stringify(last())).toContain('inner');
});

it("keeps Nest's own news at debug", () => {
  const { log, last } = collecting();
  nestLogger(log).log('Nest application successfully started', 'NestApplication');
  expect(last()).toMatchObject({ level: 'debug', context: 'NestApplication' });
  nestLogger(log).error('broken', 'Error: broken\n  at x', 'Part');
  expect(last()).toMatchObject({ level: 'error', context: 'Part', msg: 'broken' });
});
