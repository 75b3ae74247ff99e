import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import { rowOf } from './answer.js';

/** What a copy of `connect` is: the same again goes on where the last one ended. */
export type Identity = { endpoint: string; key: string; consumer: string; target: string };

/** The newest finished events are known by their ids, so that one that comes again is not handed over again. */
const IDS_MAX = 10_000;
const OWNER_ONLY = 0o600;

/** Where it is kept. Neither the name nor the file tells the key or what a query says. */
export function statePath(folder: string, { endpoint, key, consumer, target }: Identity): string {
  const name = createHash('sha256')
    .update(JSON.stringify([endpoint, key, consumer, target]))
    .digest('hex');
  return join(folder, 'connect', `${name.slice(0, 24)}.json`);
}

/**
 * What outlives the process: the events it has finished. The server holds what is acknowledged, and what has not reached it comes
 * again; this file keeps that from being done again. Written whole, in one step.
 */
export class ConnectState {
  private readonly ids: Set<string>;
  private isDirty = false;
  private writing: Promise<void> | undefined;

  /** @throws {CliError} other, when there is a file that cannot be read */
  constructor(
    private readonly path: string,
    /** Asked before each write: another copy that took the place must not be written over. */
    private readonly isMine: () => boolean = () => true,
  ) {
    const { finished } = readStored(path);
    this.ids = new Set(Array.isArray(finished) ? finished.filter((id) => typeof id === 'string').slice(-IDS_MAX) : []);
  }

  hasFinished(id: string): boolean {
    return this.ids.has(id);
  }

  finished(id: string): void {
    // Seen again is young again.
    this.ids.delete(id);
    this.ids.add(id);
    for (const oldest of this.ids) {
      if (this.ids.size <= IDS_MAX) return;
      this.ids.delete(oldest);
    }
  }

  /** Resolves when everything said before this call is on the disk; calls that come together share a write.
   *  @throws {CliError} conflict, when another copy took the place; other, when the disk refuses */
  async save(): Promise<void> {
    this.isDirty = true;
    // A write that has begun may not hold what was said since; the next one does, for all who wait for it.
    await this.writing;
    if (this.isDirty) this.writing = this.write();
    await this.writing;
  }

  private async write(): Promise<void> {
    this.isDirty = false;
    if (!this.isMine()) throw replaced(this.path);
    const draft = `${this.path}.${randomUUID()}`;
    try {
      const file = await open(draft, 'wx', OWNER_ONLY);
      try {
        await file.writeFile(`${JSON.stringify({ finished: [...this.ids] })}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, this.path);
    } catch (error) {
      await rm(draft, { force: true });
      throw new CliError('STATE_UNWRITABLE', `The state ${this.path} cannot be written: ${reason(error)}.`, EXIT.other);
    }
  }
}

/** What the file holds; nothing when there is none. @throws {CliError} other, when it cannot be read */
export function readStored(path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new CliError('STATE_UNREADABLE', `The state ${path} cannot be read: ${reason(error)}.`, EXIT.other);
  }
  try {
    return rowOf(JSON.parse(text));
  } catch {
    const message = `The state ${path} is not what this command wrote. Remove it: the server knows what was acknowledged.`;
    throw new CliError('STATE_UNREADABLE', message, EXIT.other);
  }
}

function replaced(path: string): CliError {
  return new CliError('CONNECTED_ELSEWHERE', `Another copy has taken over ${path}; this one ends.`, EXIT.conflict);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
