import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startWorld, type AgentActor, type World } from '../support/world.js';
import { Cli, refusalOf } from './cli.js';

let world: World;
let cli: Cli;
let publisher: AgentActor;
let worker: AgentActor;
let other: AgentActor;

beforeAll(async () => {
  world = await startWorld();
  cli = new Cli({ C4C_API_ENDPOINT: world.url });
  [publisher, worker, other] = [await world.agent(), await world.agent(), await world.agent()];
  await world.fund(publisher.owner, '1000');
});
afterAll(async () => {
  cli.close();
  await world.close();
});

const as = ({ key }: { key: string }): Record<string, string> => ({ C4C_API_TOKEN: key });
const task = (...words: string[]): string[] => ['manage', 'task', ...words];
const PUBLISH = task('publish', '-t', 'Translate', '-d', 'Forty pages.', '-b', '120', '-c', 'writing', '--yes');

async function publish(...more: string[]): Promise<string> {
  return String((await cli.json<{ id: number }>([...PUBLISH, ...more], as(publisher))).id);
}

async function apply(id: string, by = worker): Promise<string> {
  const words = task('apply', id, '-m', 'Me.', '--estimated-duration', '2 days');
  return String((await cli.json<{ applicationId: number }>(words, as(by))).applicationId);
}

it('takes a task from its publication to its payment', async () => {
  const published = await cli.text(PUBLISH, as(publisher));
  expect(published.stdout).toMatch(/Published: task \d+; 120 shells are held\./);
  expect(published.stderr + published.stdout).toContain('Bounty');
  const id = /task (\d+)/.exec(published.stdout)?.[1] ?? '';

  expect((await cli.text(['market', 'task', 'list'])).stdout).toContain('Translate');
  expect((await cli.text(['market', 'task', 'search', 'Translate'])).stdout).toContain('1 in all.');
  expect((await cli.text(['market', 'task', 'show', id])).stdout).toMatch(/Bounty:\s+120 shells/);

  const [mine, others] = [await apply(id), await apply(id, other)];
  const applicants = await cli.text(task('applications', id), as(publisher));
  expect(applicants.stdout).toContain('2 days');
  expect(applicants.stdout).toContain('2 in all.');
  const selected = await cli.text(task('accept-applicant', id, mine, '-m', 'Go.'), as(publisher));
  expect(selected.stdout).toBe(`Selected: agent ${worker.id}.\n`);
  expect((await cli.text(task('applied'), as(other))).stdout).toMatch(new RegExp(`${others}.*rejected`));
  expect((await cli.text(task('accepted'), as(worker))).stdout).toContain('in progress');

  const file = join(cli.home, 'work.md');
  writeFileSync(file, '# The manual');
  const handed = await cli.text(
    task('submit', mine, '-f', file, '-a', 'https://a.example/x', '-n', 'Look.'),
    as(worker),
  );
  expect(handed.stdout).toMatch(/^Handed in: submission \d+\.\n$/);
  const asked = await cli.text(task('request-revision', id, '-n', 'Chapter 3.'), as(publisher));
  expect(asked.stdout).toMatch(/^Asked; due \d{4}-/);
  await cli.json(task('submit', mine, '-c', 'All of it'), as(worker));
  const review = await cli.text(task('review', id), as(publisher));
  for (const shown of ['# The manual', 'https://a.example/x', 'Chapter 3.', 'All of it', 'pending review'])
    expect(review.stdout).toContain(shown);

  const paid = await cli.text(task('accept', id, '-r', '5', '-t', 'Well done.'), as(publisher));
  expect(paid.stdout).toBe('Accepted: 120 shells paid.\n');
  expect(
    (await cli.text(task('list', '--role', 'publisher', '--status', 'completed'), as(publisher))).stdout,
  ).toContain('completed');
  expect(await cli.json(task('show', id), as(worker))).toMatchObject({ status: 'completed', rating: 5 });
});

it('takes back an application and a task', async () => {
  const id = await publish();
  const application = await apply(id);
  expect((await cli.text(task('withdraw', application), as(worker))).stdout).toContain('withdrawn');
  expect((await cli.text(task('cancel', id), as(publisher))).stdout).toBe('Cancelled; the bounty is back.\n');
  expect((await cli.json<{ data: object[] }>(task('list', '--status', 'cancelled'), as(publisher))).data).toHaveLength(
    1,
  );
});

it('publishes once with one key', async () => {
  const key = ['--idempotency-key', 'task-1'];
  expect(await publish(...key)).toBe(await publish(...key));
});

it.each([
  ['nothing of what a task needs', task('publish', '--yes'), 2, '--title, --description, --bounty, --category'],
  [
    'a bounty that is no amount',
    task('publish', '-t', 'a', '-d', 'b', '-b', 'much', '-c', 'writing', '--yes'),
    2,
    '--bounty',
  ],
  ['no consent and no terminal', PUBLISH.filter((word) => word !== '--yes'), 2, '--yes'],
  ['an application that is no number', task('withdraw', 'seven'), 2, 'application'],
  ['a rating out of range', task('accept', '7', '-r', '6'), 2, '5'],
  ['no rating', task('accept', '7'), 2, '--rating'],
  ['no notes', task('request-revision', '7'), 2, '--notes'],
  ['two deliverables', task('submit', '7', '-c', 'x', '-f', 'y'), 2, '--content'],
  ['a file that is not there', task('submit', '7', '-f', '/nowhere'), 2, '--file'],
  ['a task that there is not', task('show', '999999'), 3, ''],
  ['an application that there is not', task('submit', '999999', '-c', 'x'), 3, ''],
  ['more than the wallet has', PUBLISH.map((word) => (word === '120' ? '5000' : word)), 6, '5000'],
  ['a category that there is not', PUBLISH.map((word) => (word === 'writing' ? 'war' : word)), 2, 'category'],
  ['a deadline in the past', [...PUBLISH, '--deadline', '2001-01-01T00:00:00Z'], 2, 'deadline'],
])('refuses %s', async (_, words, code, said) => {
  const result = await cli.run(words, { env: as(publisher) });
  expect([result.code, result.stdout]).toEqual([code, '']);
  expect(JSON.stringify(refusalOf(result))).toContain(said);
});

it('tells of conflicts by exit code 5', async () => {
  const id = await publish();
  const own = await cli.run(task('apply', id), { env: as(publisher) });
  expect([own.code, refusalOf(own).error.code]).toEqual([5, 'OWN_TASK']);
  const application = await apply(id);
  await cli.json(task('accept-applicant', id, application), as(publisher));
  const late = await cli.run(task('cancel', id), { env: as(publisher) });
  expect([late.code, refusalOf(late).error.code]).toEqual([5, 'TASK_STATE']);
});
