import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadPlan, LoadResult } from './plan.js';

export type ApiProcess = { url: string; stop(): Promise<void> };

const STARTED_WITHIN_MS = 60_000;

/** The API in a process of its own. @param profileFolder where its CPU profile goes, if anywhere */
export async function startApiProcess(
  env: Record<string, string>,
  profileFolder: string | undefined,
): Promise<ApiProcess> {
  const execArgv = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const child = fork(join(import.meta.dirname, 'api.js'), { env: { ...process.env, ...env }, execArgv });
  const { url } = (await messageOf(child, STARTED_WITHIN_MS)) as { url: string };
  return {
    url,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Loads the API from another process and waits for the result. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const child = fork(join(import.meta.dirname, 'load.js'));
  try {
    child.send(plan);
    return (await messageOf(child, plan.rampMs + plan.measureMs + STARTED_WITHIN_MS)) as LoadResult;
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
