import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type World } from '../support/world.js';

let world: World;
let made = 0;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const PASSWORD = 'correct horse battery';
const newLink = async (wish: object = {}): Promise<{ id: number; path: string }> => {
  const { id, url } = dataOf<{ id: number; url: string }>(await world.admin.post('/admin/invitations', wish));
  return { id, path: `//signup/${url.split('/').at(-1) ?? ''}` };
};
const form = (change: Record<string, string> = {}): string =>
  new URLSearchParams({ name: `Ada ${++made}`, email: '', password: PASSWORD, again: PASSWORD, ...change }).toString();
const submit = (path: string, body: string) =>
  world.api
    .post(path, body)
    .set('Content-Type', 'application/x-www-form-urlencoded')
    .set('Sec-Fetch-Site', 'same-origin');

describe('the page of a link', () => {
  it('is a form without scripts, filled in, kept nowhere, and uses nothing up', async () => {
    const { path } = await newLink({ name: '"><script>alert(1)</script>', email: 'ada@example.org' });
    for (let look = 0; look < 2; look += 1) {
      const page = await world.api.get(path);
      expect(page.status).toBe(200);
      expect(page.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'content-security-policy': expect.stringMatching(/^default-src 'none'; style-src 'self'; .*form-action 'self'/),
      });
      expect(page.text).toContain('value="&quot;&gt;&lt;script&gt;');
      expect(page.text).toContain('value="ada@example.org"');
      expect(page.text).not.toMatch(/<script|https?:\/\/|style=/);
    }
  });

  it('makes an owner, shows its first key once, and signs the browser in', async () => {
    const { path } = await newLink();
    const done = await submit(path, form({ email: 'grace@example.org' }));
    expect(done.status).toBe(200);
    const key = /c4c_owner_\w+/.exec(done.text)?.[0] ?? '';
    expect(dataOf(await world.api.as(key).get('/owner'))).toMatchObject({ login: 'grace@example.org' });
    const cookie = String(done.headers['set-cookie']).split(';')[0] ?? '';
    expect(dataOf(await world.api.get('/owner').set('Cookie', cookie))).toMatchObject({ login: 'grace@example.org' });
    await world.nothingHappens(async () => {
      for (const again of [await world.api.get(path), await submit(path, form())]) {
        expect([again.status, again.text]).toEqual([410, expect.stringContaining('it was used')]);
        expect(again.headers['set-cookie']).toBeUndefined();
      }
    });
  });

  it('signs no browser in that another site has sent', async () => {
    const done = await submit((await newLink()).path, form()).set('Sec-Fetch-Site', 'cross-site');
    expect(done.headers['set-cookie']).toBeUndefined();
  });

  it('has a cookie for https only behind a proxy that says so', async () => {
    const behind = await startWorld({ env: { C4C_TRUST_PROXY: '1' } });
    try {
      const admin = behind.admin.post('/admin/invitations', {});
      const { url } = dataOf<{ url: string }>(
        await admin.set({ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'market.example' }),
      );
      expect(url).toMatch(/^https:\/\/market\.example\/signup\/[\w-]{43}$/);
      const done = await behind.api
        .post('/signup', { token: url.split('/').at(-1), name: 'Ada', password: PASSWORD })
        .set('X-Forwarded-Proto', 'https');
      expect(String(done.headers['set-cookie'])).toMatch(/; Secure$/);
    } finally {
      await behind.close();
    }
  });

  it.each([
    ['name=&password=short&again=short', 400, ['The name is required', 'The password must have 12 to 200', '']],
    ['', 400, ['The name is required', 'The password is required', 'The second password is required']],
    [form({ again: 'another horse battery' }), 400, ['The second password must be the same password']],
    [form({ email: 'no address' }), 400, ['The e-mail address must be an e-mail address']],
    [`${form()}&admin=1`, 400, ['admin']],
    [form({ name: 'a\u0000b' }), 400, ['U+0000']],
    ['name=%ff%fe&password=%zz&again=%', 400, ['The password must have 12 to 200']],
  ])('shows the form again after %j, without what was typed as the password', async (body, status, reasons) => {
    const { path } = await newLink();
    await world.nothingHappens(async () => {
      const page = await submit(path, body);
      expect([page.status, page.headers['content-type']]).toEqual([status, 'text/html; charset=utf-8']);
      for (const reason of reasons) expect(page.text).toContain(reason);
      expect(page.text).not.toContain('horse');
    });
  });

  it('shows the form again when the login is taken', async () => {
    await submit((await newLink()).path, form({ email: 'lin@example.org' }));
    const { path } = await newLink();
    const page = await submit(path, form({ email: 'LIN@example.org' }));
    expect([page.status, page.text]).toEqual([409, expect.stringContaining('Another owner has this login')]);
    expect((await submit(path, form())).status).toBe(200);
  });

  it('says that a link is unknown, taken back or too old', async () => {
    const revoked = await newLink();
    dataOf(await world.admin.delete(`/admin/invitations/${revoked.id}`));
    for (const path of ['//signup/nobody', '//signup/%3Cscript%3E', `//signup/${'x'.repeat(5_000)}`]) {
      for (const page of [await world.api.get(path), await submit(path, form())]) {
        expect([page.status, page.text]).toEqual([404, expect.stringContaining('Nobody was invited with this link')]);
      }
    }
    expect((await world.api.get(revoked.path)).text).toContain('it was withdrawn');
    const old = await newLink();
    await world.passTime(24 * 3_600_000 + 1_000);
    expect((await world.api.get(old.path)).text).toContain('its time is over');
  });

  it('takes no form that is too long or says a thing twice, and other routes take none', async () => {
    const { path } = await newLink();
    await world.nothingHappens(async () => {
      expectProblem(await submit(path, form({ name: 'x'.repeat(20_000) })), 413, 'BODY_TOO_LARGE');
      const twice = await submit(path, `${form()}&name=Eve`);
      expect(twice.status).toBe(400);
      const elsewhere = request(world.url).post('/openapi/v1/signup').type('form').send(form());
      expectProblem(await elsewhere, 415, 'UNSUPPORTED_MEDIA_TYPE');
    });
  });
});
