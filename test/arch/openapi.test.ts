import { globSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { problemKinds } from '#kernel';
import { readProblemPages } from '../../libs/platform/http/problem-pages.js';
import { at, errorsAgainst, escapePointer, openapi, operations, responsePointer } from '../support/openapi.js';

type Node = Record<string, unknown>;
const root = join(import.meta.dirname, '../..');

describe('openapi.yaml', () => {
  const examples = operations.flatMap((operation) => {
    const responses = Object.keys(at(`/paths/${escapePointer(operation.template)}/${operation.method}/responses`));
    const places = responses.map((status) => responsePointer(operation, status) ?? '');
    if (operation.node['requestBody'] !== undefined) {
      places.push(`/paths/${escapePointer(operation.template)}/${operation.method}/requestBody`);
    }
    return places.flatMap((place) => contentsOf(place).map((content) => ({ operation: operation.id, content })));
  });

  it.each(examples)('$operation: the examples at $content fit their schema', ({ content }) => {
    const values = examplesAt(content);
    expect(values.length).toBeGreaterThan(0);
    for (const value of values) expect(errorsAgainst(`${content}/schema`, value)).toEqual([]);
  });

  it('closes the schema of every object in an answer, so that a field nobody documented is noticed', () => {
    const open = Object.entries(at('/components/schemas')).flatMap(([name, schema]) => openObjects(schema, name));
    expect(open).toEqual([]);
  });

  it('gives every operation its own id, and every error answer its trace id', () => {
    const ids = operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, response] of Object.entries(at('/components/responses'))) {
      expect((response as Node)['headers'], name).toHaveProperty('x-trace-id');
    }
  });

  it('offers refusals for a wrong key wherever a key is needed', () => {
    for (const { id, node } of operations) {
      const schemes = node['security'] as Node[];
      const isOpen = schemes.length === 0 || schemes.some((scheme) => Object.keys(scheme).length === 0);
      if (!isOpen) expect(Object.keys(node['responses'] as Node), id).toContain('401');
    }
  });
});

describe('the error codes', () => {
  const pages = readProblemPages();

  beforeAll(async () => {
    for (const file of globSync('libs/**/*.problems.ts', { cwd: root })) await import(join(root, file));
  });

  it('each have a page, and no page is left over', () => {
    expect(pages.map(({ code }) => code).sort()).toEqual(problemKinds().map(({ code }) => code));
    expect(pages.map(({ slug }) => slug).sort()).toEqual(
      problemKinds()
        .map(({ slug }) => slug)
        .sort(),
    );
  });

  it('are all listed in openapi.yaml, and no others', () => {
    const listed = at('/components/schemas/ErrorCode')['enum'] as string[];
    expect([...listed].sort()).toEqual(problemKinds().map(({ code }) => code));
  });

  it('have the same title and status in the code, on the page and in every example', () => {
    for (const { code, title, status, slug } of problemKinds()) {
      const page = pages.find((one) => one.code === code);
      expect(page?.title, code).toBe(title);
      expect(page?.markdown, code).toContain(`HTTP status ${status}`);
      const example = /```json\n([\s\S]+?)```/.exec(page?.markdown ?? '')?.[1] ?? 'null';
      expect(JSON.parse(example), code).toMatchObject({ error: { code }, title, status, type: `/problems/${slug}` });
    }
    const titles = new Map(problemKinds().map(({ code, title }) => [code, title]));
    for (const name of Object.keys(at('/components/responses'))) {
      for (const content of contentsOf(`/components/responses/${name}`)) {
        for (const example of examplesAt(content) as { error: { code: string }; title: string }[]) {
          expect(example.title, name).toBe(titles.get(example.error.code));
        }
      }
    }
  });

  it('tell on their page what happened, why, what to do and whether a retry helps', () => {
    for (const { code, markdown } of pages) {
      const headings = [...markdown.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
      expect(headings, code).toEqual(['What happened', 'Why', 'What to do', 'Does a retry help?', 'Example']);
    }
  });

  it('have example bodies on their pages that fit the schema of every refusal', () => {
    for (const { code, markdown } of pages) {
      const example: unknown = JSON.parse(/```json\n([\s\S]+?)```/.exec(markdown)?.[1] ?? 'null');
      expect(errorsAgainst('/components/schemas/Problem', example), code).toEqual([]);
    }
  });
});

/** The JSON contents of a response or a request body. */
function contentsOf(pointer: string): string[] {
  const content = at(pointer)['content'] as Node | undefined;
  const types = Object.keys(content ?? {}).filter((type) => type === 'application/json');
  return types.map((type) => `${pointer}/content/${escapePointer(type)}`);
}

function examplesAt(content: string): unknown[] {
  const node = at(content);
  const many = Object.values((node['examples'] as Record<string, { value: unknown }> | undefined) ?? {});
  return [...('example' in node ? [node['example']] : []), ...many.map(({ value }) => value)];
}

/** Places in a schema where an object says nothing about other properties. */
function openObjects(schema: unknown, path: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const node = schema as Node;
  const isObject = node['type'] === 'object' || (Array.isArray(node['type']) && node['type'].includes('object'));
  const here = isObject && !('additionalProperties' in node) ? [path] : [];
  const inside = Object.entries(node).filter(([name]) => !['example', 'examples', 'enum', 'const'].includes(name));
  return [...here, ...inside.flatMap(([name, value]) => openObjects(value, `${path}/${name}`))];
}

// Read once more as a whole: a document that is not 3.1 would be validated by other rules.
it('is OpenAPI 3.1', () => expect(openapi['openapi']).toMatch(/^3\.1\./));
