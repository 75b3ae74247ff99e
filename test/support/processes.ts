import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const READY_WITHIN_MS = 30_000;

export type AppName = 'api' | 'worker';

/** One of the product's own processes, compiled, as an operator runs it. */
export class AppProcess {
  /** What it has logged, one JSON object a line. */
  readonly lines: string[] = [];
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;

  constructor(
    readonly name: AppName,
    env: Readonly<Record<string, string>>,
  ) {
    const main = join(ROOT, 'dist/apps', name, 'main.js');
    if (!existsSync(main)) throw new Error('Build first: npm run build');
    this.child = spawn(process.execPath, ['--import', join(import.meta.dirname, 'end-with-parent.mjs'), main], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let rest = '';
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        const lines = `${rest}${chunk.toString()}`.split('\n');
        rest = lines.pop() ?? '';
        this.lines.push(...lines);
      });
    }
    this.child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => this.child.once('close', () => resolve()));
  }

  /** Where an api process listens. */
  get url(): string {
    for (const line of this.lines) {
      const found = /"url":"(?<url>http[^"]+)"/.exec(line)?.groups?.['url'];
      if (found !== undefined) return found;
    }
    throw new Error(`The ${this.name} says nowhere where it listens:\n${this.lines.join('\n')}`);
  }

  async ready(): Promise<this> {
    const greeting = this.name === 'api' ? 'the api listens' : 'the worker runs';
    for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await sleep(10)) {
      if (this.lines.some((line) => line.includes(greeting))) return this;
      if (!this.isRunning) break;
    }
    throw new Error(`The ${this.name} did not get ready:\n${this.lines.join('\n')}`);
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Lines of level error and worse: what nobody expected. */
  get errors(): string[] {
    return this.lines.filter((line) => /"level":"(?:error|fatal)"/.test(line) || !line.startsWith('{'));
  }

  /** How much memory it has resident now. */
  async residentBytes(): Promise<number> {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(this.child.pid)]);
    return Number(stdout) * 1_024;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** As a power cut ends it: nothing is said, nothing is finished. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** As an operator ends it. */
  async stop(): Promise<void> {
    this.child.kill('SIGCONT');
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
