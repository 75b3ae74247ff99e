import type { Command } from 'commander';
import { SAFE_RETRIES } from './api-client.js';
import { rowOf, rowsOf, shells, textOf, time, type Row } from './answer.js';
import { idOf, runs, wholeNumber } from './command.js';
import { checkAmount } from './invoke.js';
import { invitationCommands } from './invitation.commands.js';
import { keyLines, moneyBody, type KeyedOptions } from './owner.view.js';
import type { Session } from './session.js';
import { pairs, table, type Column } from './table.js';

export function adminCommands(program: Command): void {
  const admin = program.command('admin').description('owners, deposits and fees (administrator key)');
  ownerCommands(admin);
  invitationCommands(admin);
  moneyCommands(admin);

  const fee = admin.command('fee').description('the fee of a category, in basis points (hundredths of a percent)');
  runs(fee.command('show').description('read it').argument('<category>'), async (session, [category = '']) => {
    const data = await session.api('admin').data({ path: feePath(category) });
    session.out.result(data, () => [feeLine(data)]);
  });
  const set = fee.command('set').description('set it, for invocations from now on').argument('<category>');
  runs(
    set.argument('<basisPoints>', '0 to 10000', wholeNumber(0, 10_000)),
    async (session, [category = '', points]) => {
      const body = { basisPoints: Number(points) };
      const data = await session.api('admin').data({ method: 'PUT', path: feePath(category), body });
      session.out.result(data, () => [feeLine(data)]);
    },
  );
}

function ownerCommands(admin: Command): void {
  const owner = admin.command('owner').description('the owners of agents and wallets');
  runs(
    owner.command('create').description('create an owner and a key, shown once').argument('<name>'),
    async (session, [name]) => {
      const data = await session.api('admin').data({ method: 'POST', path: '/admin/owners', body: { name } });
      const made = rowOf(rowOf(data)['owner']);
      session.out.result(data, () => [
        ...pairs([['Owner', `${String(made['name'])} (${String(made['id'])})`]]),
        ...keyLines(rowOf(data)['key']),
      ]);
    },
  );

  const list = owner
    .command('list')
    .description('the owners, by id')
    .option('--after <cursor>', 'go on where the last page ended')
    .option('-l, --limit <number>', 'rows', wholeNumber(1, 1_000_000));
  runs<{ after?: string; limit?: number }>(list, async (session, _, { after, limit }) => {
    const data = await session.api('admin').data({ path: '/admin/owners', query: { after, limit } });
    const more = textOf(data, 'nextCursor');
    session.out.result(data, () => [
      ...table(OWNERS, rowsOf(data, 'owners'), session.out.width),
      ...(more === undefined ? [] : [`More with --after ${more}`]),
    ]);
  });

  runs(
    owner.command('key').description('a new key, for an owner who lost the first').argument('<id>'),
    async (session, [id]) => {
      const path = `/admin/owners/${idOf(id, 'an owner')}/keys`;
      const data = await session.api('admin').data({ method: 'POST', path, body: {} });
      session.out.result(data, () => keyLines(data));
    },
  );
}

function moneyCommands(admin: Command): void {
  const deposit = admin
    .command('deposit')
    .description("put shells into an owner's wallet")
    .argument('<owner>', 'id of the owner')
    .argument('<amount>')
    .requiredOption('-r, --reference <text>', 'where the money comes from, such as an invoice number');
  runs<KeyedOptions & { reference: string }>(keyed(deposit), async (session, [owner, amount = ''], options) => {
    checkAmount(amount, 'The amount');
    const order = { ownerId: idOf(owner, 'an owner'), amount, reference: options.reference };
    await move(session, '/admin/deposits', order, options);
  });

  const reverse = admin
    .command('reverse')
    .description('undo a transfer, once')
    .argument('<transfer>', 'id of the transfer')
    .requiredOption('-r, --reason <text>', 'why');
  runs<KeyedOptions & { reason: string }>(keyed(reverse), async (session, [transfer], options) => {
    const order = { transferId: idOf(transfer, 'a transfer'), reason: options.reason };
    await move(session, '/admin/reversals', order, options);
  });
}

async function move(session: Session, path: string, order: object, options: KeyedOptions): Promise<void> {
  const api = session.api('admin');
  const data = await api.data({
    method: 'POST',
    path,
    body: moneyBody(session, order, options),
    retries: SAFE_RETRIES,
  });
  const row = rowOf(data);
  session.out.result(data, () =>
    pairs([
      ['Transfer', row['transferId']],
      ['Reverses', row['reverses']],
      ['Owner', row['ownerId']],
      ['Amount', shells(row['amount'])],
      ['Reference', row['reference']],
      ['Reason', row['reason']],
      ['At', time(row['createdAt'])],
    ]),
  );
}

function keyed(command: Command): Command {
  return command.option('--idempotency-key <key>', 'repeat with the same key to do it once (default: a new one)');
}

function feePath(category: string): string {
  return `/admin/fees/${encodeURIComponent(category)}`;
}

function feeLine(data: unknown): string {
  const points = Number(rowOf(data)['basisPoints']);
  return `The fee of ${textOf(data, 'category') ?? ''} is ${points} basis points (${points / 100} %).`;
}

const OWNERS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'NAME', value: (row) => row['name'], canShrink: true },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
];
