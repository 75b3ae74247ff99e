import type { Command } from 'commander';
import { rowOf, rowsOf, textOf, time, type Row } from './answer.js';
import { idOf, runs, someText } from './command.js';
import { pairs, table, type Column } from './table.js';

export function invitationCommands(admin: Command): void {
  const invite = admin
    .command('invite')
    .description('a link to sign up with, once, within a day')
    .option('-n, --name <name>', 'filled in for whoever opens it', someText)
    .option('-e, --email <address>', 'filled in for whoever opens it', someText);
  runs<{ name?: string; email?: string }>(invite, async (session, _, { name, email }) => {
    const body = { name, email };
    const data = await session.api('admin').data({ method: 'POST', path: '/admin/invitations', body });
    const row = rowOf(data);
    session.out.result(data, () => [
      ...pairs([
        ['Link', row['url']],
        ['Id', row['id']],
        ['Ends', time(row['expiresAt'])],
      ]),
      'Send it to one person: whoever opens it first becomes the owner. It is not shown again.',
    ]);
  });

  const invitation = admin.command('invitation').description('the links to sign up with');
  runs(invitation.command('list').description('the newest, without the links'), async (session) => {
    const data = await session.api('admin').data({ path: '/admin/invitations' });
    session.out.result(data, () => table(INVITATIONS, rowsOf(data, 'invitations'), session.out.width));
  });
  runs(invitation.command('revoke').description('take one back').argument('<id>'), async (session, [id]) => {
    const path = `/admin/invitations/${idOf(id, 'an invitation')}`;
    const data = await session.api('admin').data({ method: 'DELETE', path });
    session.out.result(data, () => [textOf(data, 'message') ?? 'Revoked.']);
  });
}

const INVITATIONS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'STATUS', value: (row) => row['status'] },
  { title: 'NAME', value: (row) => row['name'] ?? row['email'], canShrink: true },
  { title: 'BY', value: (row) => row['madeBy'] },
  { title: 'ENDS', value: (row) => time(row['expiresAt']) },
  { title: 'OWNER', value: (row) => row['ownerId'], align: 'right' },
];
