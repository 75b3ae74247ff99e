import { Option, type Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ApiClient, Request } from './api-client.js';
import { rowOf, rowsOf, shells, textOf, time, type Row } from './answer.js';
import { CliError, usageError } from './cli-error.js';
import { runs, wholeNumber } from './command.js';
import { EXIT } from './exit-codes.js';
import type { Session } from './session.js';
import { pairs, table, type Column } from './table.js';

type StatementOptions = { month: string; after?: string; limit?: number; csv?: string };

/** The server gives a reader one minute, but months before it may have to be added up first. */
const CSV_TIMEOUT_MS = 5 * 60_000;

export function statementCommand(wallet: Command): void {
  const statement = wallet
    .command('statement')
    .description('a month: opening balance, every movement, closing balance')
    .requiredOption('--month <month>', 'required: the month in UTC, such as 2026-10')
    .option('--after <cursor>', 'go on where the last page ended')
    .option('-l, --limit <number>', 'lines (default: 100; at most 1000 at a time)', wholeNumber(1, 1_000_000))
    .addOption(
      new Option('--csv <file>', 'the whole month as CSV into a file, or - for standard output').conflicts([
        'after',
        'limit',
      ]),
    );
  runs<StatementOptions>(statement, async (session, _, { month, after, limit, csv }) => {
    if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) throw usageError(`"${month}" is not a month such as 2026-10.`);
    const path = `/owner/wallet/statements/${month}`;
    if (csv !== undefined) return saveCsv(session, { path, timeoutMs: CSV_TIMEOUT_MS }, csv);
    const data = await session.api('owner').data({ path, query: { after, limit } });
    session.out.result(data, () => statementLines(rowOf(data), session.out.width));
  });
}

async function saveCsv(session: Session, request: Request, file: string): Promise<void> {
  const api = session.api('owner');
  if (file === '-') {
    const decoder = new TextDecoder();
    for await (const chunk of api.stream(request, 'text/csv')) session.out.raw(decoder.decode(chunk, { stream: true }));
    return;
  }
  await writeWhole(api, request, file);
  session.out.result({ file }, () => [`Saved as ${file}.`]);
}

/** What stands under the name is whole: it is written beside it first, under a name that nobody else uses. */
async function writeWhole(api: ApiClient, request: Request, file: string): Promise<void> {
  const partial = `${file}.${randomBytes(6).toString('hex')}.part`;
  try {
    const handle = await open(partial, 'wx');
    try {
      await pipeline(Readable.from(api.stream(request, 'text/csv')), handle.createWriteStream());
      renameSync(partial, file);
    } catch (error) {
      rmSync(partial, { force: true });
      throw error;
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError('NOT_WRITTEN', `${file} cannot be written: ${reason}.`, EXIT.other);
  }
}

function statementLines(statement: Row, width: number | undefined): string[] {
  const more = textOf(statement, 'nextCursor');
  return [
    ...pairs([
      ['Month', statement['month']],
      ['Until', `${time(statement['asOf'])}${statement['isFinal'] === true ? '' : ' (not final)'}`],
      ['Opening', balanceText(statement['opening'])],
      ['Closing', balanceText(statement['closing'])],
    ]),
    '',
    ...table(TOTALS, rowsOf(statement, 'totals'), width),
    '',
    ...table(LINES, rowsOf(statement, 'lines'), width),
    ...(more === undefined ? [] : [`More with --after ${more}`]),
  ];
}

function balanceText(balance: unknown): string {
  const { available, held } = rowOf(balance);
  return `${shells(available)} available, ${shells(held)} held`;
}

const TOTALS: readonly Column<Row>[] = [
  { title: 'KIND', value: (row) => row['kind'] },
  { title: 'LINES', value: (row) => row['lines'], align: 'right' },
  { title: 'AVAILABLE', value: (row) => row['available'], align: 'right' },
  { title: 'HELD', value: (row) => row['held'], align: 'right' },
  { title: 'FEES', value: (row) => row['fee'], align: 'right' },
];

const LINES: readonly Column<Row>[] = [
  { title: 'AT', value: (row) => time(row['at']) },
  { title: 'KIND', value: (row) => row['kind'] },
  { title: 'AVAILABLE', value: (row) => row['available'], align: 'right' },
  { title: 'HELD', value: (row) => row['held'], align: 'right' },
  { title: 'BALANCE', value: (row) => rowOf(row['balance'])['total'], align: 'right' },
  { title: 'INVOCATION', value: (row) => row['invocationId'], align: 'right' },
  { title: 'REFERENCE', value: (row) => row['reference'] ?? row['memo'], canShrink: true },
];
