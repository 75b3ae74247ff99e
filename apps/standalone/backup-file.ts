import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { StartError } from '#platform';

/** The first line of a backup. The others are tables, each followed by its rows, and an end with the sum of all before it. */
export type BackupHeader = {
  format: 'c4c-backup-1';
  createdAt: string;
  migrations: { name: string; checksum: string }[];
  sequences: { name: string; value: string; isCalled: boolean }[];
  /** How the large tables were cut, `bound` in PostgreSQL's own words; older backups leave it to the sequences. */
  partitions?: BackupPartition[];
  /** What the keys in the database need to be of use: the secret that hashes them, and the demo's own keys. */
  home: { secret?: string; demoKeys?: string };
};
export type BackupPartition = { table: string; name: string; bound: string };
export type BackupLine =
  { table: string; columns: string[] } | { row: string } | { end: true; rows: number; sha256: string };

export type BackupWriter = { write(line: BackupHeader | BackupLine): Promise<void>; end(): Promise<{ rows: number }> };

/**
 * Writes beside the file and puts it into place when it is whole and on the disk: what stands under the name is always a
 * complete backup. It can be read by its owner only, because it opens whatever the market's keys open.
 */
export async function writeBackup(
  file: string,
  write: (writer: BackupWriter['write']) => Promise<void>,
): Promise<{ rows: number }> {
  const draft = `${file}.draft-${String(process.pid)}`;
  const output = createWriteStream(draft, { mode: 0o600, flush: true });
  const gzip = createGzip({ level: 6 });
  const done = finished(gzip.pipe(output));
  const failure = new Promise<never>((_, reject) => [gzip, output].forEach((stream) => stream.once('error', reject)));
  failure.catch(() => undefined);
  const sum = createHash('sha256');
  let rows = 0;
  const put = async (line: BackupHeader | BackupLine): Promise<void> => {
    const text = `${JSON.stringify(line)}\n`;
    if ('row' in line) rows += 1;
    sum.update(text);
    if (!gzip.write(text)) await Promise.race([once(gzip, 'drain'), failure]);
  };
  try {
    await write(put);
    await put({ end: true, rows, sha256: sum.copy().digest('hex') });
    gzip.end();
    await Promise.race([done, failure]);
    await syncToDisk(draft);
    await rename(draft, file);
    return { rows };
  } catch (error) {
    output.destroy();
    await rm(draft, { force: true });
    throw error;
  }
}

/** Reads the header, then the lines one by one; the end is checked before the last line is given out.
 *  @throws {StartError} when it is no backup, or not all of one */
export async function readBackup(file: string): Promise<{ header: BackupHeader; lines: AsyncGenerator<BackupLine> }> {
  const raw = textLines(file);
  const first = await raw.next().catch((error: unknown) => unreadable(file, error));
  const sum = createHash('sha256').update(`${String(first.value)}\n`);
  const header = parse<BackupHeader>(first.value ?? '');
  if (header?.format !== 'c4c-backup-1') throw new StartError(`${file} is no backup of c4c.`);
  return { header, lines: checkedLines(file, raw, sum) };
}

async function* checkedLines(
  file: string,
  raw: AsyncGenerator<string, undefined>,
  sum: ReturnType<typeof createHash>,
): AsyncGenerator<BackupLine> {
  let rows = 0;
  for (;;) {
    const { value, done } = await raw.next().catch((error: unknown) => unreadable(file, error));
    const line = done === true ? undefined : parse<BackupLine>(value);
    if (line === undefined) throw incomplete(file);
    if ('end' in line) {
      if (line.rows !== rows || line.sha256 !== sum.digest('hex')) throw incomplete(file);
      yield line;
      return;
    }
    sum.update(`${String(value)}\n`);
    if ('row' in line) rows += 1;
    yield line;
  }
}

async function* textLines(file: string): AsyncGenerator<string, undefined> {
  const input = createReadStream(file);
  const text = input.pipe(createGunzip());
  input.once('error', (error) => text.destroy(error));
  for await (const line of createInterface({ input: text, crlfDelay: Infinity })) yield line;
  return undefined;
}

function parse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

function unreadable(file: string, error: unknown): never {
  const { code = '' } = error as { code?: string };
  if (code.startsWith('Z_')) throw incomplete(file);
  throw new StartError(`${file} cannot be read (${code === '' ? String(error) : code}).`, { cause: error });
}

function incomplete(file: string): StartError {
  return new StartError(`${file} is damaged or not complete. Nothing was restored; take another backup.`);
}

async function syncToDisk(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync().finally(() => handle.close());
}
