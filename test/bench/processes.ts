import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadOrder, LoadPlan, LoadResult, Pace, PacedResult } from './plan.js';

/** What a server under test says to the bench. */
export type ApiWord = { kind: 'started'; url: string } | ({ kind: 'memory' } & MemorySample);
export type MemorySample = { atMs: number; rss: number; heapUsed: number };

export type ApiProcess = {
  url: string;
  memory: readonly MemorySample[];
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
};

const STARTED_WITHIN_MS = 60_000;

/** The API in a process of its own. @param profileFolder where its CPU profile goes, if anywhere */
export function startApiProcess(env: Record<string, string>, profileFolder: string | undefined): Promise<ApiProcess> {
  return startServer('api.js', env, profileFolder);
}

/** The conventional way of the same, in a process of its own too. */
export function startConventionalProcess(env: Record<string, string>): Promise<ApiProcess> {
  return startServer('conventional.js', env, undefined);
}

/** The worker in a process of its own. */
export function startWorkerProcess(
  env: Record<string, string>,
  profileFolder: string | undefined,
): Promise<ApiProcess> {
  return startServer('worker.js', env, profileFolder);
}

/** Loads a server from another process and waits for the result. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  return (await runOrder({ plan })) as LoadResult;
}

export async function runPacedLoad(plan: LoadPlan, pace: Pace): Promise<PacedResult> {
  return (await runOrder({ plan, pace })) as PacedResult;
}

async function startServer(
  script: string,
  env: Record<string, string>,
  profileFolder: string | undefined,
): Promise<ApiProcess> {
  const profiling = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  // As `npm start` and the image do; the conventional way has it too.
  const execArgv = ['--v8-pool-size=0', ...profiling];
  // It is the bench's own setting, and the product refuses settings that it does not know.
  const { C4C_BENCH_DATABASE_URL: _own, ...inherited } = process.env;
  const child = fork(join(import.meta.dirname, script), { env: { ...inherited, ...env }, execArgv });
  const memory: MemorySample[] = [];
  child.on('message', (word: ApiWord) => {
    if (word.kind === 'memory') memory.push(word);
  });
  const started = (await messageOf(child, STARTED_WITHIN_MS)) as ApiWord;
  if (started.kind !== 'started') throw new Error(`${script} says ${started.kind} before it has started`);
  return {
    url: started.url,
    memory,
    signal: (name) => void child.kill(name),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      // Whoever was held still hears it now.
      child.kill('SIGCONT');
      await once(child, 'exit');
    },
  };
}

async function runOrder(order: LoadOrder): Promise<unknown> {
  const child = fork(join(import.meta.dirname, 'load.js'));
  try {
    child.send(order);
    return await messageOf(child, order.plan.rampMs + order.plan.measureMs + STARTED_WITHIN_MS);
  } finally {
    child.kill();
  }
}

function messageOf(child: ChildProcess, withinMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('a process of the bench says nothing')), withinMs);
    child.once('message', resolve);
    child.once('exit', (code, signal) =>
      reject(new Error(`a process of the bench ended early (${String(code ?? signal)})`)),
    );
    child.once('message', () => clearTimeout(timer));
    child.once('exit', () => clearTimeout(timer));
  });
}
