import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { serviceDraft } from './service-draft.js';

const folder = mkdtempSync(join(tmpdir(), 'c4c-draft-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('a service to publish', () => {
  it('comes from a YAML file in either spelling, and flags win', async () => {
    const path = file(
      'service.yaml',
      'title: Words\ndescription: |\n  Counts.\ncategory: writing\nprice: 2.50\navg_response_ms: 500\ninput_schema:\n  type: object\n',
    );
    expect(await serviceDraft({ file: path, price: '3' })).toEqual({
      title: 'Words',
      description: 'Counts.\n',
      category: 'writing',
      price: '3',
      avgResponseMs: 500,
      inputSchema: { type: 'object' },
    });
  });

  it('comes from a JSON file, and takes schemas from files of their own', async () => {
    const path = file('service.json', '{"title":"Words","maxPending":5}');
    const schema = file('schema.json', '{"type":"object"}');
    expect(await serviceDraft({ file: path, outputSchema: schema })).toEqual({
      title: 'Words',
      maxPending: 5,
      outputSchema: { type: 'object' },
    });
  });

  it.each([
    ['bad.json', '{"title":', 'is not JSON'],
    ['bad.yaml', 'a: [1', 'is not YAML'],
    ['list.yaml', '- a\n', 'must hold one object'],
    ['more.yaml', 'titel: x\n', 'a service has no titel'],
    ['twice.yaml', 'input_schema: {}\ninputSchema: {}\n', 'given twice'],
    ['bomb.yaml', `a: &a [1,1]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c]\n`, '--file'],
  ])('refuses %s with a sentence', async (name, text, message) => {
    await expect(serviceDraft({ file: file(name, text) })).rejects.toThrow(message);
  });

  it('says which file it cannot read', async () => {
    await expect(serviceDraft({ file: join(folder, 'none.yaml') })).rejects.toThrow('none.yaml cannot be read');
  });
});
