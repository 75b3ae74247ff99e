import { Worker } from 'node:worker_threads';
import { backoffMs } from '#kernel';
import type { PublishedService } from './demo-provider.js';

export type Demo = { services: PublishedService[]; close(): Promise<void> };

const READY_WITHIN_MS = 8_000;
const CLOSE_WITHIN_MS = 1_000;
const RESTART = { baseMs: 500, maxMs: 10_000 };

/** Runs the demo provider in a thread of its own, and again when it dies. */
export async function startDemo(endpoint: string, key: string): Promise<Demo> {
  let isClosed = false;
  let thread: Worker;
  const demo: Demo = {
    services: [],
    async close() {
      isClosed = true;
      const ended = new Promise((resolve) => thread.once('exit', resolve));
      thread.postMessage('close');
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, CLOSE_WITHIN_MS))]);
      await thread.terminate();
    },
  };
  let deaths = 0;
  await new Promise<void>((resolve) => {
    // The market runs without its demo too; a slow machine gets its greeting a little poorer.
    setTimeout(resolve, READY_WITHIN_MS).unref();
    const start = (): void => {
      thread = new Worker(new URL('./demo-provider.js', import.meta.url), { workerData: { endpoint, key } });
      thread.on('message', (services: PublishedService[]) => {
        demo.services = services;
        resolve();
      });
      thread.on('error', () => undefined);
      thread.on('exit', () => {
        if (!isClosed) setTimeout(start, backoffMs(deaths++, RESTART)).unref();
      });
    };
    start();
  });
  return demo;
}
