import type { ChildProcess } from 'node:child_process';
import { until, type Cli } from './cli.js';

export type Line = { event: string; [fact: string]: unknown };

/** Running copies of `c4c connect`, ended after each test. */
export class Connections {
  private readonly open: Connection[] = [];

  constructor(private readonly cli: () => Cli) {}

  start(args: readonly string[], env: Record<string, string>): Connection {
    const connection = new Connection(this.cli().start(['connect', ...args], env));
    this.open.push(connection);
    return connection;
  }

  async end(): Promise<void> {
    await Promise.all(this.open.splice(0).map((connection) => connection.kill()));
  }
}

/** A running `c4c connect` and what it has said. */
export class Connection {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | null>;

  constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // Not before its last words are read.
    this.ended = new Promise((resolve) => child.once('close', resolve));
  }

  get lines(): Line[] {
    const complete = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1);
    return complete.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
  }

  all(event: string): Line[] {
    return this.lines.filter((line) => line.event === event);
  }

  /** The n-th line of this event. */
  saw(event: string, times = 1, ms?: number): Promise<Line> {
    return until(`${event} (${this.stdout.slice(-4_000)}${this.stderr})`, () => this.all(event)[times - 1], ms);
  }

  signal(name: 'SIGTERM' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(name);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
