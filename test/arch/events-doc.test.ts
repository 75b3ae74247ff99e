import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '#events';
import { withCatalogue } from '../support/events-doc.js';
import { at } from '../support/openapi.js';

const PAGE = join(import.meta.dirname, '../../docs/events.md');

describe('docs/events.md', () => {
  it('says what the catalogue says (`npm run docs:events` renews it)', async () => {
    const made = withCatalogue(readFileSync(PAGE, 'utf8'));
    const config = await resolveConfig(PAGE);
    await expect(await format(made, { ...config, parser: 'markdown' })).toMatchFileSnapshot(PAGE);
  });
});

describe('openapi.yaml', () => {
  it('lists the types of events of the catalogue, and no others', () => {
    expect(at('/components/schemas/EventType')['enum']).toEqual(EVENT_TYPES);
  });
});
