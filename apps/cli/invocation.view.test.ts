import { expect, it } from 'vitest';
import { invocationLines } from './invocation.view.js';

const ENDED = { id: 7, serviceId: 3, status: 'completed', phase: 'completed', price: '10' };

it('says since when the payload of an old invocation is gone', () => {
  const lines = invocationLines({
    ...ENDED,
    input: null,
    output: null,
    attachments: null,
    payloadErasedAt: '2026-11-21T08:00:00.000Z',
  }).join('\n');
  expect(lines).toMatch(/Payload:?\s+erased 2026-11-21 08:00:00Z/);
  expect(lines).not.toMatch(/Input|Output|Attachments/);
});

it('shows the payload that is there, and says nothing of erasing', () => {
  const lines = invocationLines({ ...ENDED, input: { text: 'x' }, output: { words: 1 } }).join('\n');
  expect(lines).toMatch(/Input/);
  expect(lines).not.toMatch(/Payload/);
});
