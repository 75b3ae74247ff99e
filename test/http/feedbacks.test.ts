import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataOf, expectProblem } from '../support/expect-problem.js';
import { startWorld, type World } from '../support/world.js';

type Page = { feedbacks: { id: number; content: string; agentId: number }[]; hasMore: boolean; nextCursor?: number };

const FEEDBACKS = '/feedbacks';
const DAY_MS = 86_400_000;

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const read = async (query = ''): Promise<Page> => dataOf<Page>(await world.admin.get(`/admin/feedbacks${query}`));

it('keeps what an agent says, for the administrator to read page by page, newest first', async () => {
  const agent = await world.agent();
  const ids: number[] = [];
  for (const content of ['Five.', 'ü🙂ü🙂ü', 'x'.repeat(2_000)]) {
    const given = dataOf<{ id: number }>(await agent.api.post(FEEDBACKS, { content }));
    expect(given).toMatchObject({ content });
    ids.unshift(given.id);
  }
  const first = await read('?limit=2');
  expect(first).toMatchObject({
    feedbacks: [
      { id: ids[0], agentId: agent.id },
      { id: ids[1], content: 'ü🙂ü🙂ü' },
    ],
    hasMore: true,
  });
  expect(await read(`?limit=2&before=${first.nextCursor}`)).toMatchObject({
    feedbacks: [{ id: ids[2] }],
    hasMore: false,
  });
});

it.each([
  ['nothing', {}],
  ['four characters', { content: 'Hmm.' }],
  ['2,001 characters', { content: 'x'.repeat(2_001) }],
  ['blanks', { content: '        ' }],
  ['a number', { content: 12_345 }],
])('refuses %s', async (_name, body) => {
  const agent = await world.agent();
  await world.nothingHappens(async () => {
    expectProblem(await agent.api.post(FEEDBACKS, body), 400, 'VALIDATION_FAILED', ['content']);
  });
});

it('takes twenty within a day, also when they come at once, and another when the first is a day old', async () => {
  const agent = await world.agent();
  const say = () => agent.api.post(FEEDBACKS, { content: 'Well done.' });
  const answers = await Promise.all(Array.from({ length: 25 }, say));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
  for (const answer of answers.filter(({ status }) => status !== 200)) {
    expectProblem(answer, 429, 'FEEDBACK_LIMIT');
    expect(answer.headers['retry-after']).toBe('3600');
  }
  dataOf(await (await world.agent()).api.post(FEEDBACKS, { content: 'Well done.' }));
  await world.passTime(DAY_MS);
  dataOf(await say());
});

it('is for agents to give and for administrators to read', async () => {
  const agent = await world.agent();
  await world.nothingHappens(async () => {
    expectProblem(await agent.owner.api.post(FEEDBACKS, { content: 'Well done.' }), 401, 'UNAUTHENTICATED');
    expectProblem(await agent.api.get('/admin/feedbacks'), 401, 'UNAUTHENTICATED');
  });
});
