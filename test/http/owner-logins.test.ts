import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyStore } from '#owners';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type OwnerActor, type World } from '../support/world.js';

let world: World;
let owner: OwnerActor;
let made = 0;

beforeAll(async () => {
  // Guesses come from one address here.
  world = await startWorld({ env: { C4C_RATE_WRONG_KEYS: '10000' } });
});
beforeEach(async () => {
  owner = await world.owner();
});
afterAll(() => world.close());

const PASSWORD = 'correct horse battery';
type Session = { token: string; id: number; expiresAt: string };
type Invitation = { id: number; url: string; expiresAt: string; status: string };
type SignedUp = { owner: { id: number; login: string }; key: { key: string }; session: Session };

const freshName = (): string => `Ada ${++made}`;
const invite = async (wish: object = {}): Promise<Invitation> =>
  dataOf<Invitation>(await world.admin.post('/admin/invitations', wish));
const tokenOf = ({ url }: Invitation): string => url.split('/').at(-1) ?? '';
const signUp = async (body: object = {}): Promise<SignedUp> =>
  dataOf<SignedUp>(
    await world.api.post('/signup', {
      token: tokenOf(await invite()),
      name: freshName(),
      password: PASSWORD,
      ...body,
    }),
  );
const signIn = (login: string, password = PASSWORD) => world.api.post('/sessions', { login, password });
const sessionOf = async (login: string): Promise<Session> => dataOf<Session>(await signIn(login));
const count = async (table: string): Promise<number> => {
  const { rows } = await world.database.pool.query<{ n: number }>(`select count(*)::integer as n from ${table}`);
  return rows[0]?.n ?? 0;
};
/** Logins with so many wrong passwords have so many from now on: each real one costs a quarter of a second and more. */
const countsAre = async (before: number, after: number): Promise<void> => {
  const sql = 'update market.login_attempt set failed = $2 where failed = $1';
  await world.database.pool.query(sql, [before, after]);
};

describe('signing up', () => {
  it('makes an owner with a wallet, a login, a key and a session', async () => {
    const link = await invite({ name: 'Ada', email: 'ada@example.org' });
    expect(link).toMatchObject({
      status: 'open',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/signup\/[\w-]{43}$/),
    });
    const name = freshName();
    const email = `ada${made}@Example.org`;
    const done = dataOf<SignedUp>(
      await world.api.post('/signup', { token: tokenOf(link), name, email, password: PASSWORD }),
    );
    expect(done.owner).toMatchObject({ name, login: email, email });
    for (const key of [done.key.key, done.session.token]) {
      expect(dataOf(await world.api.as(key).get('/owner'))).toMatchObject({ id: done.owner.id, name, login: email });
      expect(dataOf(await world.api.as(key).get('/owner/wallet'))).toEqual({ available: '0', held: '0' });
    }
    const { invitations } = dataOf<{ invitations: object[] }>(await world.admin.get('/admin/invitations'));
    expect(invitations[0]).toMatchObject({ id: link.id, status: 'used', ownerId: done.owner.id });
    expect(JSON.stringify(invitations)).not.toContain(tokenOf(link));
  });

  it('happens once for a link that is used many times at once', async () => {
    const token = tokenOf(await invite());
    const before = await count('market.owner');
    const names = Array.from({ length: 5 }, freshName);
    const answers = await Promise.all(
      names.map((name) => world.api.post('/signup', { token, name, password: PASSWORD })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410, 410]);
    expect((await count('market.owner')) - before).toBe(1);
    await world.nothingHappens(async () => {
      const late = { token, name: freshName(), password: PASSWORD };
      expectProblem(await world.api.post('/signup', late), 410, 'INVITATION_ENDED');
    });
  });

  it('is refused with a link that was taken back, whose time is over, or that nobody has made', async () => {
    const body = { name: freshName(), password: PASSWORD };
    const revoked = await invite();
    dataOf(await world.admin.delete(`/admin/invitations/${revoked.id}`));
    expectProblem(await world.admin.delete(`/admin/invitations/${revoked.id}`), 404, 'NOT_FOUND');
    const old = await invite();
    await world.passTime(24 * 3_600_000 + 1_000);
    await world.nothingHappens(async () => {
      const tries = [tokenOf(revoked), tokenOf(old)].map((token) => world.api.post('/signup', { ...body, token }));
      for (const answer of await Promise.all(tries)) expectProblem(answer, 410, 'INVITATION_ENDED');
      const unknown = { ...body, token: `${tokenOf(old).slice(0, -1)}~` };
      expectProblem(await world.api.post('/signup', unknown), 404, 'NOT_FOUND');
    });
  });

  it('leaves the link as it was when the login is taken, also in other letters', async () => {
    const { owner: first } = await signUp({ email: 'grace@example.org' });
    expect(first.login).toBe('grace@example.org');
    const token = tokenOf(await invite());
    const body = { token, name: freshName(), password: PASSWORD };
    await world.nothingHappens(async () => {
      for (const email of ['GRACE@example.org', 'gra\u200bce@example.org']) {
        expectProblem(await world.api.post('/signup', { ...body, email }), 409, 'LOGIN_TAKEN');
      }
    });
    dataOf(await world.api.post('/signup', body));
  });

  it.each([
    [{}, ['token', 'name', 'password']],
    [{ token: 'x', name: 'Ada', password: 'too short' }, ['password']],
    [{ token: 'x', name: 'Ada', password: 'x'.repeat(201) }, ['password']],
    [{ token: 'x', name: ' ', password: ' '.repeat(12) }, ['name', 'password']],
    [{ token: 7, name: ['Ada'], email: 'ada', password: { a: 1 } }, ['token', 'name', 'email', 'password']],
    [
      { token: 'x', name: 'A\u001b[31m', email: 'a b@c', password: `${PASSWORD}\u0007`, admin: true },
      ['name', 'email', 'password', 'admin'],
    ],
  ])('is refused with %j, and the answer does not repeat the password', async (body, fields) => {
    await world.nothingHappens(async () => {
      const answer = await world.api.post('/signup', body);
      expectProblem(answer, 400, 'VALIDATION_FAILED', fields);
      expect(answer.text).not.toMatch(/too short"|correct horse/);
    });
  });

  it('refuses a name that would be too long to compare', async () => {
    const body = { token: tokenOf(await invite()), name: '\ufdfa'.repeat(100), password: PASSWORD };
    expectProblem(await world.api.post('/signup', body), 400, 'VALIDATION_FAILED', ['name']);
  });
});

describe('signing in', () => {
  it('opens what a key opens, by any header, and shows in the list of sessions', async () => {
    const { owner: me } = await signUp({ email: 'lin@example.org' });
    const { token, id } = await sessionOf('LIN@example.org');
    expect(token).toMatch(/^c4c_session_/);
    const api = world.api.as(token);
    const agent = dataOf<{ agent: { id: number } }>(await api.post('/owner/agents', { name: 'Worker' }));
    dataOf(await api.post(`/owner/agents/${agent.agent.id}/keys`, {}));
    const bearer = await world.api.get('/owner').set('Authorization', `Bearer ${token}`);
    expect(dataOf(bearer)).toMatchObject({ id: me.id });
    const { sessions } = dataOf<{ sessions: { id: number; isCurrent: boolean }[] }>(await api.get('/owner/sessions'));
    expect(sessions.map((one) => [one.id === id, one.isCurrent])).toEqual([
      [false, false],
      [true, true],
    ]);
    expectProblem(await api.get('/agent/me'), 401, 'UNAUTHENTICATED');
    expectProblem(await api.get('/admin/owners'), 401, 'UNAUTHENTICATED');
  });

  it('answers a wrong login and a wrong password alike', async () => {
    const { owner: me } = await signUp();
    const answers = [
      await signIn(me.login, 'wrong horse battery'),
      await signIn('nobody at all'),
      await signIn(me.login, 'x'),
    ];
    const bodies = answers.map((answer) => {
      expectProblem(answer, 401, 'LOGIN_FAILED');
      return JSON.stringify({ ...answer.body, traceId: '' });
    });
    expect(new Set(bodies).size).toBe(1);
  });

  it('is closed to a login after ten wrong passwords for a quarter of an hour, and to no other', async () => {
    const { owner: me, session } = await signUp();
    const { owner: other } = await signUp();
    expectProblem(await signIn(me.login, 'wrong'), 401, 'LOGIN_FAILED');
    await countsAre(1, 9);
    expectProblem(await signIn(me.login, 'wrong'), 401, 'LOGIN_FAILED');
    const refused = await signIn(me.login);
    expectProblem(refused, 429, 'RATE_LIMITED');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(900);
    const change = { current: PASSWORD, new: 'another horse battery' };
    expectProblem(await world.api.as(session.token).post('/owner/password', change), 429, 'RATE_LIMITED');
    await sessionOf(other.login);
    await world.passTime(900_001);
    await sessionOf(me.login);
  });

  it('counts guesses that come at once, and forgets them after a right password', async () => {
    const { owner: me } = await signUp();
    expectProblem(await signIn(me.login, 'wrong'), 401, 'LOGIN_FAILED');
    await countsAre(1, 9);
    await sessionOf(me.login);
    expectProblem(await signIn(me.login, 'wrong'), 401, 'LOGIN_FAILED');
    await countsAre(1, 8);
    const atOnce = await Promise.all(Array.from({ length: 5 }, () => signIn(me.login, 'wrong')));
    expect(atOnce.map(({ status }) => status).sort()).toEqual([401, 401, 429, 429, 429]);
  });

  it('turns away what comes beyond the passwords that are checked at once, and lets everybody else be', async () => {
    const names = Array.from({ length: 24 }, () => `nobody ${freshName()}`);
    const answers = Promise.all(names.map((name) => signIn(name)));
    expect((await owner.api.get('/owner/wallet')).status).toBe(200);
    const statuses = (await answers).map((answer) => {
      if (answer.status === 503) expect(answer.headers['retry-after']).toBe('2');
      return answer.status;
    });
    expect(new Set(statuses)).toEqual(new Set([401, 503]));
  });

  it.each([
    [{}, ['login', 'password']],
    [{ login: '', password: '' }, ['login', 'password']],
    [{ login: 'a\u0001', password: 7, remember: true }, ['login', 'password', 'remember']],
  ])('is refused with %j', async (body, fields) => {
    await world.nothingHappens(async () => {
      expectProblem(await world.api.post('/sessions', body), 400, 'VALIDATION_FAILED', fields);
    });
  });
});

describe('a session', () => {
  it('lasts for 12 hours after its last use, and for 7 days at most', async () => {
    const { owner: me } = await signUp();
    const { token, id, expiresAt } = await sessionOf(me.login);
    const startedAt = Date.parse(expiresAt) - 12 * 3_600_000;
    const idle = await sessionOf(me.login);
    const api = world.api.as(token);
    const endOf = async (): Promise<number> => {
      const sessions = 'select expires_at from market.api_key where id = $1';
      const { rows } = await world.database.pool.query<{ expires_at: Date }>(sessions, [id]);
      return rows[0]?.expires_at.getTime() ?? 0;
    };
    for (let hours = 11; hours < 7 * 24 - 11; hours += 11) {
      const before = await endOf();
      await world.passTime(11 * 3_600_000);
      await world.keysAreReadAgain();
      expect((await api.get('/owner')).status, `after ${hours} hours`).toBe(200);
      // A process notes it once a minute by a clock that no test moves.
      await world.app.get(KeyStore).touch([BigInt(id)]);
      expect(await endOf()).toBeGreaterThan(before);
    }
    expectProblem(await world.api.as(idle.token).get('/owner'), 401, 'UNAUTHENTICATED');
    await world.passTime(11 * 3_600_000);
    await world.keysAreReadAgain();
    expect((await api.get('/owner')).status).toBe(200);
    await world.app.get(KeyStore).touch([BigInt(id)]);
    expect(Math.abs((await endOf()) - startedAt - 7 * 24 * 3_600_000)).toBeLessThan(5_000);
    await world.passTime(startedAt + 7 * 24 * 3_600_000 - Date.parse(world.timeIn(0)) + 5_000);
    await world.keysAreReadAgain();
    expectProblem(await api.get('/owner'), 401, 'UNAUTHENTICATED');
  });

  it('ends when it signs out, when the owner ends it, and no other with it', async () => {
    const { owner: me, key } = await signUp();
    const [first, second, third] = [await sessionOf(me.login), await sessionOf(me.login), await sessionOf(me.login)];
    expect(dataOf(await world.api.as(first.token).delete('/owner/sessions/current'))).toMatchObject({ id: first.id });
    expectProblem(await world.api.as(first.token).get('/owner'), 401, 'UNAUTHENTICATED');
    dataOf(await world.api.as(third.token).delete(`/owner/sessions/${second.id}`));
    expectProblem(await world.api.as(second.token).get('/owner'), 401, 'UNAUTHENTICATED');
    expect((await world.api.as(third.token).get('/owner')).status).toBe(200);
    await world.nothingHappens(async () => {
      expectProblem(await world.api.as(third.token).delete(`/owner/sessions/${second.id}`), 404, 'NOT_FOUND');
      expectProblem(await world.api.as(key.key).delete('/owner/sessions/current'), 404, 'NOT_FOUND');
      expectProblem(await owner.api.delete(`/owner/sessions/${third.id}`), 404, 'NOT_FOUND');
    });
  });

  it('makes room for the twenty-first', async () => {
    const { owner: me, session } = await signUp();
    await world.database.pool.query(
      `insert into market.api_key (kind, owner_id, hash, hint, scopes, expires_at)
      select 'session', $1, sha256(n::text::bytea), '', '{}', platform.clock() + interval '1 hour'
      from generate_series(1, 19) n`,
      [me.id],
    );
    expect((await world.api.as(session.token).get('/owner')).status).toBe(200);
    await sessionOf(me.login);
    expectProblem(await world.api.as(session.token).get('/owner'), 401, 'UNAUTHENTICATED');
  });

  it('in a cookie reads, and writes only from a page of this server', async () => {
    const { owner: me } = await signUp();
    const answer = await signIn(me.login);
    const [cookie = ''] = (answer.headers['set-cookie'] as unknown as string[] | undefined) ?? [];
    expect(cookie).toMatch(/^c4c_session=c4c_session_\w+; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/);
    const sent = cookie.split(';')[0] ?? '';
    expect(dataOf(await world.api.get('/owner').set('Cookie', sent))).toMatchObject({ id: me.id });
    const rename = () => world.api.patch('/owner', { name: 'Renamed' }).set('Cookie', sent);
    await world.nothingHappens(async () => {
      expectProblem(await rename(), 401, 'UNAUTHENTICATED');
      expectProblem(await rename().set('Sec-Fetch-Site', 'cross-site'), 401, 'UNAUTHENTICATED');
      expectProblem(await rename().set('Origin', 'https://evil.example'), 401, 'UNAUTHENTICATED');
      expectProblem(await world.api.get('/agent/me').set('Cookie', sent), 401, 'UNAUTHENTICATED');
    });
    expect(dataOf(await rename().set('X-C4C-Request', '1'))).toMatchObject({ name: 'Renamed' });
    expect(dataOf(await rename().set('Sec-Fetch-Site', 'same-origin'))).toMatchObject({ name: 'Renamed' });
    const out = await world.api.delete('/owner/sessions/current').set('Cookie', sent).set('Origin', world.url);
    expect(String(out.headers['set-cookie'])).toContain('Max-Age=0');
    expectProblem(await world.api.get('/owner').set('Cookie', sent), 401, 'UNAUTHENTICATED');
  });
});

describe('a password', () => {
  it('is changed by who knows it, which ends all other sessions', async () => {
    const { owner: me, session, key } = await signUp();
    const other = await sessionOf(me.login);
    const api = world.api.as(session.token);
    const change = { current: PASSWORD, new: 'another horse battery' };
    await expect(api.post('/owner/password', { ...change, current: 'wrong' })).resolves.toMatchObject({ status: 401 });
    expect(dataOf(await api.post('/owner/password', change))).toMatchObject({ sessionsEnded: 1 });
    expectProblem(await world.api.as(other.token).get('/owner'), 401, 'UNAUTHENTICATED');
    expect((await api.get('/owner')).status).toBe(200);
    expect((await world.api.as(key.key).get('/owner')).status).toBe(200);
    expectProblem(await signIn(me.login), 401, 'LOGIN_FAILED');
    dataOf(await signIn(me.login, change.new));
    expectProblem(await api.post('/owner/password', { current: 'x', new: 'short' }), 400, 'VALIDATION_FAILED', ['new']);
    expectProblem(await owner.api.post('/owner/password', change), 404, 'NOT_FOUND');
  });

  it('is the same however its letters were composed', async () => {
    const { owner: me } = await signUp({ password: 'caf\u00e9 caf\u00e9 caf\u00e9' });
    dataOf(await signIn(me.login, 'cafe\u0301 cafe\u0301 cafe\u0301'));
  });

  it('is nowhere in the database, nor is a session or the token of a link', async () => {
    const link = await invite();
    const { key, session } = await signUp({ token: tokenOf(link) });
    for (const table of ['owner_login', 'api_key', 'invitation', 'login_attempt']) {
      const { rows } = await world.database.pool.query(`select t::text from market.${table} t`);
      for (const secret of [PASSWORD, tokenOf(link), key.key, session.token]) {
        expect(JSON.stringify(rows)).not.toContain(secret);
      }
    }
  });
});

describe('an owner that an administrator made', () => {
  it('sets a login by key, and another one when the password is forgotten', async () => {
    const login = freshName();
    expect(dataOf(await owner.api.get('/owner'))).not.toHaveProperty('login');
    dataOf(await owner.api.post('/owner/login', { login, password: PASSWORD }));
    const { token } = await sessionOf(login);
    expectProblem(
      await world.api.as(token).post('/owner/login', { login: 'mine', password: PASSWORD }),
      409,
      'LOGIN_EXISTS',
    );
    const stranger = await world.owner();
    await world.nothingHappens(async () => {
      const body = { login: login.toUpperCase(), password: PASSWORD };
      expectProblem(await stranger.api.post('/owner/login', body), 409, 'LOGIN_TAKEN');
      expectProblem(await owner.api.post('/owner/login', {}), 400, 'VALIDATION_FAILED', ['login', 'password']);
    });
    dataOf(await owner.api.post('/owner/login', { login, password: 'another horse battery' }));
    expectProblem(await world.api.as(token).get('/owner'), 401, 'UNAUTHENTICATED');
    expectProblem(await signIn(login), 401, 'LOGIN_FAILED');
    dataOf(await signIn(login, 'another horse battery'));
  });

  it('sets one when two do it at once', async () => {
    const [a, b] = [freshName(), freshName()];
    const answers = await Promise.all(
      [a, b].map((login) => owner.api.post('/owner/login', { login, password: PASSWORD })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const { login } = dataOf<{ login: string }>(await owner.api.get('/owner'));
    await sessionOf(login);
    expectProblem(await signIn(login === a ? b : a), 401, 'LOGIN_FAILED');
  });

  it('changes its name', async () => {
    expect(dataOf(await owner.api.patch('/owner', { name: 'New name' }))).toMatchObject({
      id: owner.id,
      name: 'New name',
    });
    await world.nothingHappens(async () => {
      expectProblem(await owner.api.patch('/owner', { name: '' }), 400, 'VALIDATION_FAILED', ['name']);
    });
  });
});
