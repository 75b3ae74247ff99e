import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../log.js';
import { DocsModule } from './docs.controller.js';
import { createHttpApp } from './http-app.js';
import { readProblemPages } from './problem-pages.js';

let app: NestFastifyApplication;

beforeAll(async () => {
  app = await createHttpApp(DocsModule, { log: createLog('silent') });
  await app.init();
});
afterAll(() => app.close());

const get = (url: string, headers: Record<string, string> = {}) => app.inject({ method: 'GET', url, headers });
const HTML = { accept: 'text/html,application/xhtml+xml' };

describe('the API reference', () => {
  it('is a page that names no other host and allows none', async () => {
    const page = await get('/docs');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).not.toMatch(/(?:https?:)?\/\/[a-z]/i);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it('is found with a slash at the end', async () => {
    const { statusCode, headers } = await get('/docs/');
    expect([statusCode, headers.location]).toEqual([308, '/docs']);
  });

  it('finds every script and style that it names, with a fitting type', async () => {
    const page = await get('/docs');
    const links = [...page.body.matchAll(/<(script|link)[^>]+(?:src|href)="([^"]+)"/g)];
    expect(links.length).toBeGreaterThanOrEqual(5);
    for (const [, tag, address] of links) {
      const asset = await get(String(address));
      expect(asset.statusCode, address).toBe(200);
      expect(asset.headers['content-type']).toMatch(tag === 'script' ? /^text\/javascript/ : /^(text\/css|image\/png)/);
      expect(asset.rawPayload.length).toBeGreaterThan(50);
    }
  });

  it('holds no inline script or style, which its policy would refuse', async () => {
    for (const path of ['/', '/docs', '/problems', '/problems/not-found']) {
      const { body } = await get(path, HTML);
      expect(body, path).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/i);
    }
  });

  it('does not send the document to a validator', async () => {
    expect((await get('/docs/assets/initializer.js')).body).toContain('validatorUrl: null');
  });

  it('answers a browser that has an asset already without sending it again', async () => {
    const first = await get('/docs/assets/swagger-ui.css');
    const again = await get('/docs/assets/swagger-ui.css', { 'if-none-match': String(first.headers['etag']) });
    expect(again.statusCode).toBe(304);
    expect(again.body).toBe('');
  });

  it.each([
    'swagger-ui.js.map',
    'package.json',
    '..%2Fpackage.json',
    '%2e%2e%2fpackage.json',
    'constructor',
    '__proto__',
  ])('serves no other file: %s', async (name) => {
    const answer = await get(`/docs/assets/${name}`);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
  });
});

describe('the OpenAPI document', () => {
  it('is the same as YAML and as JSON', async () => {
    const { parse } = await import('yaml');
    const yaml = await get('/openapi.yaml');
    const json = await get('/openapi.json');
    expect(yaml.headers['content-type']).toBe('application/yaml; charset=utf-8');
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(json.json()).toEqual(parse(yaml.body));
    expect(json.json()).toHaveProperty('openapi');
  });
});

describe('the pages of the error codes', () => {
  it.each(readProblemPages().map(({ slug, code, title }) => ({ slug, code, title })))(
    '/problems/$slug is a page for people and Markdown for programs',
    async ({ slug, code, title }) => {
      const html = await get(`/problems/${slug}`, HTML);
      expect(html.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(html.body).toContain(`<title>${code}</title>`);
      expect(html.body).toContain('<h2>What to do</h2>');
      const text = await get(`/problems/${slug}`);
      expect(text.headers['content-type']).toBe('text/markdown; charset=utf-8');
      expect(text.body).toContain(`# ${code}: ${title}`);
    },
  );

  it('are listed', async () => {
    const list = (await get('/problems')).json<{ data: { problems: { code: string; page: string }[] } }>();
    expect(list.data.problems).toHaveLength(readProblemPages().length);
    const html = await get('/problems', HTML);
    for (const { code, page } of list.data.problems)
      expect(html.body).toContain(`<a href="${page}"><code>${code}</code></a>`);
  });

  it.each(['nope', 'not-found.md', '..%2f..%2fREADME', 'NOT-FOUND', '__proto__'])(
    'answer an unknown one with the envelope: %s',
    async (slug) => {
      for (const headers of [{}, HTML]) {
        const answer = await get(`/problems/${slug}`, headers);
        expect(answer.statusCode).toBe(404);
        expect(answer.json()).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
      }
    },
  );
});

describe('the front page', () => {
  it('names what is here, for people and for programs', async () => {
    const front = (await get('/')).json<{ data: { links: Record<string, string> } }>();
    expect(front.data.links).toMatchObject({ reference: '/docs', openapi: '/openapi.yaml', problems: '/problems' });
    expect((await get('/', HTML)).body).toContain('<a href="/docs">API reference</a>');
  });
});
