import type { Command } from 'commander';
import { rowOf, rowsOf, textOf, time, type Row } from './answer.js';
import { idOf, runs, someText, timeOf, wholeNumber } from './command.js';
import { keyLines } from './owner.view.js';
import { table, type Column } from './table.js';

/** Not `key`, which is for the keys of agents and takes an agent everywhere. */
export function ownKeyCommands(owner: Command): void {
  const key = owner.command('own-key').description('your own keys, which open what your password opens');

  const create = key
    .command('create')
    .description('one more key, shown once')
    .option('-n, --name <text>', 'name, for people', someText)
    .option('--expires-at <time>', 'when it ends, such as 2027-01-01T00:00:00Z (default: never)');
  runs<{ name?: string; expiresAt?: string }>(create, async (session, _, { name, expiresAt }) => {
    const body = { name, expiresAt: expiresAt === undefined ? undefined : timeOf(expiresAt) };
    const data = await session.api('owner').data({ method: 'POST', path: KEYS, body });
    session.out.result(data, () => keyLines(data));
  });

  runs(key.command('list').description('your own keys'), async (session) => {
    const data = await session.api('owner').data({ path: KEYS });
    session.out.result(data, () => table(KEY_COLUMNS, rowsOf(data, 'keys'), session.out.width));
  });

  const revoke = key.command('revoke').description('end a key at once').argument('<key>', 'id of the key');
  runs(revoke, async (session, [id]) => {
    const data = await session.api('owner').data({ method: 'DELETE', path: `${KEYS}/${idOf(id, 'a key')}` });
    session.out.result(data, () => [textOf(data, 'message') ?? 'Revoked.']);
  });

  const rotate = key
    .command('rotate')
    .description('a new key in place of an old one, which works on for a while')
    .argument('<key>', 'id of the key')
    .option('--overlap <seconds>', 'how long the old one works on (default: one day)', wholeNumber(0, 604_800));
  runs<{ overlap?: number }>(rotate, async (session, [id], { overlap }) => {
    const path = `${KEYS}/${idOf(id, 'a key')}/rotate`;
    const data = await session.api('owner').data({ method: 'POST', path, body: { overlapSeconds: overlap } });
    const old = rowOf(rowOf(data)['replaces']);
    session.out.result(data, () => [
      ...keyLines(rowOf(data)['key']),
      `The old key (${String(old['id'])}) works until ${time(old['expiresAt'])}.`,
    ]);
  });
}

export function sessionCommands(owner: Command): void {
  const sessions = owner.command('session').alias('sessions').description('where you are signed in');
  runs(sessions.command('list').description('the sessions that are open'), async (session) => {
    const data = await session.api('owner').data({ path: '/owner/sessions' });
    session.out.result(data, () => table(SESSIONS, rowsOf(data, 'sessions'), session.out.width));
  });
  runs(
    sessions.command('end').description('end one of them').argument('<session>', 'its id'),
    async (session, [id]) => {
      const path = `/owner/sessions/${idOf(id, 'a session')}`;
      const data = await session.api('owner').data({ method: 'DELETE', path });
      session.out.result(data, () => [textOf(data, 'message') ?? 'Ended.']);
    },
  );
}

const KEYS = '/owner/keys';

const KEY_COLUMNS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'NAME', value: (row) => row['name'], canShrink: true },
  { title: 'KEY', value: (row) => row['hint'] },
  { title: 'USED', value: (row) => time(row['lastUsedAt']) },
  {
    title: 'ENDS',
    value: (row) => (row['revokedAt'] == null ? time(row['expiresAt']) : `revoked ${time(row['revokedAt'])}`),
  },
];

const SESSIONS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'CLIENT', value: (row) => row['client'], canShrink: true },
  { title: 'SINCE', value: (row) => time(row['createdAt']) },
  { title: 'USED', value: (row) => time(row['lastUsedAt']) },
  { title: 'ENDS', value: (row) => time(row['expiresAt']) },
  { title: '', value: (row) => (row['isCurrent'] === true ? 'this one' : '') },
];
