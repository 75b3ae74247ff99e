import type { Command } from 'commander';
import { SAFE_RETRIES } from './api-client.js';
import { listLines, rowOf, rowsOf, shells, textOf, time, type Row } from './answer.js';
import { usageError } from './cli-error.js';
import { idOf, listOf, runs, wholeNumber } from './command.js';
import { checkAmount } from './invoke.js';
import { budgetCommands, policyCommands } from './owner-consent.commands.js';
import { keyLines, moneyBody, type KeyedOptions } from './owner.view.js';
import { statementCommand } from './statement.command.js';
import { pairs, table, type Column } from './table.js';

type PageOptions = { page?: number; limit?: number };
type KeyOptions = { name?: string; scopes?: string[]; expiresAt?: string };

export function ownerCommands(program: Command): void {
  const owner = program
    .command('owner')
    .description('your wallet, your agents, their keys, budgets and policies (owner key)');
  walletCommands(owner);
  agentCommands(owner);
  keyCommands(owner);
  budgetCommands(owner);
  policyCommands(owner);
}

function walletCommands(owner: Command): void {
  const wallet = owner.command('wallet').description('your money');
  runs(wallet.command('show').description('what can be spent and what is held'), async (session) => {
    const data = await session.api('owner').data({ path: '/owner/wallet' });
    const row = rowOf(data);
    session.out.result(data, () =>
      pairs([
        ['Available', shells(row['available'])],
        ['Held', shells(row['held'])],
      ]),
    );
  });

  const transactions = wallet
    .command('transactions')
    .description('every movement, newest first')
    .option('--after <cursor>', 'go on where the last page ended')
    .option('-l, --limit <number>', 'rows', wholeNumber(1, 1_000_000))
    .option('--csv', 'as CSV');
  runs<{ after?: string; limit?: number; csv?: boolean }>(transactions, async (session, _, { after, limit, csv }) => {
    const request = { path: '/owner/wallet/transactions', query: { after, limit } };
    if (csv === true) return session.out.raw(await session.api('owner').text(request, 'text/csv'));
    const data = await session.api('owner').data(request);
    const more = textOf(data, 'nextCursor');
    session.out.result(data, () => [
      ...table(TRANSACTIONS, rowsOf(data, 'transactions'), session.out.width),
      ...(more === undefined ? [] : [`More with --after ${more}`]),
    ]);
  });

  statementCommand(wallet);

  const deposit = owner
    .command('deposit')
    .description('put shells into your own wallet (development)')
    .argument('<amount>')
    .option('--idempotency-key <key>', 'repeat with the same key to deposit once (default: a new one)');
  runs<KeyedOptions>(deposit, async (session, [amount = ''], options) => {
    checkAmount(amount, 'The amount');
    const body = moneyBody(session, { amount }, options);
    const data = await session
      .api('owner')
      .data({ method: 'POST', path: '/owner/deposits', body, retries: SAFE_RETRIES });
    session.out.result(data, () => [`Deposited ${shells(rowOf(data)['amount'])}.`]);
  });
}

function agentCommands(owner: Command): void {
  const agent = owner.command('agent').description('your agents');

  const create = agent
    .command('create')
    .description('create an agent and its first key, which is shown once')
    .argument('<name>')
    .option('-c, --category <category>', 'category')
    .option('-d, --description <text>', 'what it does');
  runs<{ category?: string; description?: string }>(create, async (session, [name], { category, description }) => {
    const body = { name, category, description };
    const data = await session.api('owner').data({ method: 'POST', path: '/owner/agents', body });
    session.out.result(data, () => [...agentLines(rowOf(rowOf(data)['agent'])), ...keyLines(rowOf(data)['key'])]);
  });

  const list = agent
    .command('list')
    .description('your agents')
    .option('-p, --page <number>', 'page, from 1', wholeNumber(1, 1_000_000))
    .option('-l, --limit <number>', 'rows a page', wholeNumber(1, 1_000_000));
  runs<PageOptions>(list, async (session, _, { page, limit }) => {
    const data = await session.api('owner').data({ path: '/owner/agents', query: { page, limit } });
    const rows = rowsOf(data, 'agents');
    session.out.result(data, () => listLines(AGENTS, rows, data, session.out.width));
  });

  runs(agent.command('show').description('one of your agents').argument('<id>'), async (session, [id]) => {
    const data = await session.api('owner').data({ path: `/owner/agents/${idOf(id, 'an agent')}` });
    session.out.result(data, () => agentLines(rowOf(data)));
  });

  for (const [action, description] of FREEZING) {
    const command = agent.command(action).description(description).argument('<id>');
    runs<{ reason?: string }>(command.option('--reason <text>', 'why'), async (session, [id], { reason }) => {
      const path = `/owner/agents/${idOf(id, 'an agent')}/${action}`;
      const data = await session.api('owner').data({ method: 'POST', path, body: { reason } });
      session.out.result(data, () => [textOf(data, 'message') ?? 'Done.']);
    });
  }
}

function keyCommands(owner: Command): void {
  const key = owner.command('key').description('the keys of your agents');

  const create = key
    .command('create')
    .description('one more key, shown once')
    .argument('<agent>', 'id of the agent')
    .option('-n, --name <text>', 'name, for people')
    .option('--scopes <scopes>', 'read, profile, services, invoke, provide; with commas (default: all)', listOf)
    .option('--expires-at <time>', 'when it ends, such as 2027-01-01T00:00:00Z (default: never)');
  runs<KeyOptions>(create, async (session, [agent], { name, scopes, expiresAt }) => {
    const body = { name, scopes, expiresAt: expiresAt === undefined ? undefined : timeOf(expiresAt) };
    const data = await session.api('owner').data({ method: 'POST', path: keysPath(agent), body });
    session.out.result(data, () => keyLines(data));
  });

  runs(key.command('list').description('the keys of an agent').argument('<agent>'), async (session, [agent]) => {
    const data = await session.api('owner').data({ path: keysPath(agent) });
    session.out.result(data, () => table(KEYS, rowsOf(data, 'keys'), session.out.width));
  });

  const revoke = key
    .command('revoke')
    .description('end a key at once')
    .argument('<agent>')
    .argument('<key>', 'id of the key');
  runs(revoke, async (session, [agent, id]) => {
    const path = `${keysPath(agent)}/${idOf(id, 'a key')}`;
    const data = await session.api('owner').data({ method: 'DELETE', path });
    session.out.result(data, () => [textOf(data, 'message') ?? 'Revoked.']);
  });

  const rotate = key
    .command('rotate')
    .description('a new key in place of an old one, which works on for a while')
    .argument('<agent>')
    .argument('<key>', 'id of the key')
    .option('--overlap <seconds>', 'how long the old one works on (default: one day)', wholeNumber(0, 604_800));
  runs<{ overlap?: number }>(rotate, async (session, [agent, id], { overlap }) => {
    const path = `${keysPath(agent)}/${idOf(id, 'a key')}/rotate`;
    const data = await session.api('owner').data({ method: 'POST', path, body: { overlapSeconds: overlap } });
    const old = rowOf(rowOf(data)['replaces']);
    session.out.result(data, () => [
      ...keyLines(rowOf(data)['key']),
      `The old key (${String(old['id'])}) works until ${time(old['expiresAt'])}.`,
    ]);
  });
}

function keysPath(agent: string | undefined): string {
  return `/owner/agents/${idOf(agent, 'an agent')}/keys`;
}

function timeOf(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw usageError(`"${text}" is not a time such as 2027-01-01T00:00:00Z.`);
  return at.toISOString();
}

function agentLines(row: Row): string[] {
  return pairs([
    ['Agent', `${String(row['name'])} (${String(row['id'])})`],
    ['Category', row['category']],
    ['Status', row['status']],
    ['Frozen', row['isFrozen'] === true ? `since ${time(row['frozenAt']) ?? 'now'}` : 'no'],
    ['Reason', row['frozenReason']],
    ['Rating', row['rating'] === 0 ? undefined : row['rating']],
    ['Completed', row['completedTasks']],
    ['Earned', shells(row['earned'])],
    ['Created', time(row['createdAt'])],
    ['Description', row['description']],
  ]);
}

const FREEZING = [
  ['freeze', 'stop an agent: its keys, sockets and new spending'],
  ['unfreeze', 'lift a freeze'],
] as const;

const TRANSACTIONS: readonly Column<Row>[] = [
  { title: 'AT', value: (row) => time(row['at']) },
  { title: 'KIND', value: (row) => row['kind'] },
  { title: 'SHELLS', value: (row) => row['amount'], align: 'right' },
  { title: 'AVAILABLE', value: (row) => row['available'], align: 'right' },
  { title: 'INVOCATION', value: (row) => row['invocationId'], align: 'right' },
  { title: 'REFERENCE', value: (row) => row['reference'] ?? row['memo'], canShrink: true },
];

const AGENTS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'NAME', value: (row) => row['name'], canShrink: true },
  { title: 'CATEGORY', value: (row) => row['category'] },
  { title: 'STATUS', value: (row) => (row['isFrozen'] === true ? 'frozen' : row['status']) },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
];

const KEYS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row['id'], align: 'right' },
  { title: 'NAME', value: (row) => row['name'], canShrink: true },
  { title: 'SCOPES', value: (row) => (Array.isArray(row['scopes']) ? row['scopes'].map(String).join(' ') : '') },
  { title: 'CREATED', value: (row) => time(row['createdAt']) },
  { title: 'LAST USED', value: (row) => time(row['lastUsedAt']) },
  { title: 'ENDS', value: (row) => (row['revokedAt'] == null ? time(row['expiresAt']) : 'revoked') },
];
