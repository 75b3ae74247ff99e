import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');
export const C4C = join(ROOT, 'c4c');

export type Result = { code: number | null; stdout: string; stderr: string };

/** The compiled command, as a person runs it: a process, with a home of its own and nothing set. */
export class Cli {
  readonly home = mkdtempSync(join(tmpdir(), 'c4c-cli-'));
  private readonly running = new Set<ChildProcessWithoutNullStreams>();

  constructor(private readonly env: Readonly<Record<string, string>> = {}) {
    if (!existsSync(join(ROOT, 'dist', 'apps', 'cli', 'main.js'))) throw new Error('Build first: npm run build');
  }

  start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    command = C4C,
  ): ChildProcessWithoutNullStreams {
    const { PATH = '' } = process.env;
    const child = spawn(command, args, { cwd: this.home, env: { PATH, HOME: this.home, ...this.env, ...env } });
    this.running.add(child);
    child.once('exit', () => this.running.delete(child));
    return child;
  }

  run(
    args: readonly string[],
    { input, env = {}, command }: { input?: string; env?: Record<string, string>; command?: string } = {},
  ): Promise<Result> {
    const child = this.start(args, env, command);
    child.stdin.on('error', () => undefined).end(input ?? '');
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  /** Runs it with text output, as on a terminal. */
  text(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
    return this.run(args, { env: { C4C_OUTPUT: 'text', ...env } });
  }

  /** Runs it, holds that it ended well, and gives what it printed. */
  async json<Data>(args: readonly string[], env: Record<string, string> = {}, input?: string): Promise<Data> {
    const { code, stdout, stderr } = await this.run(args, input === undefined ? { env } : { env, input });
    if (code !== 0) throw new Error(`c4c ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as Data;
  }

  close(): void {
    for (const child of this.running) child.kill('SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }
}

export type Refusal = {
  success: false;
  error: { code: string; message: string; details?: unknown };
  [field: string]: unknown;
};

export function refusalOf({ stderr }: Result): Refusal {
  return JSON.parse(stderr) as Refusal;
}

/** Waits until it holds, at most so long. */
export async function until<Value>(what: string, look: () => Value | undefined | false, ms = 15_000): Promise<Value> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
