import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What a process of the bench can be asked, by name, and what it answers. */
export type Talk = Record<string, { order: unknown; answer: unknown }>;

type Asked = { n: number; kind: string; order: unknown };
type Answered = { n: number; answer?: unknown; error?: string };

/** A process that does what it is told and answers each order. */
export class OrderedProcess<T extends Talk> {
  private asked = 0;
  private readonly waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();

  private constructor(
    private readonly child: ChildProcess,
    script: string,
  ) {
    child.on('message', ({ n, answer, error }: Answered) => {
      const waiter = this.waiting.get(n);
      this.waiting.delete(n);
      if (error === undefined) waiter?.resolve(answer);
      else waiter?.reject(new Error(`${script}: ${error}`));
    });
    child.on('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error(`${script} ended early`));
      this.waiting.clear();
    });
  }

  /** @param script a file of this folder that calls `obey` */
  static start<T extends Talk>(script: string): OrderedProcess<T> {
    return new OrderedProcess<T>(fork(join(import.meta.dirname, script)), script);
  }

  async ask<K extends keyof T & string>(kind: K, order: T[K]['order']): Promise<T[K]['answer']> {
    this.asked += 1;
    const asked: Asked = { n: this.asked, kind, order };
    const answer = new Promise((resolve, reject) => this.waiting.set(asked.n, { resolve, reject }));
    this.child.send(asked);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/** The other side: what to do at each order. */
export function obey<T extends Talk>(acts: {
  [K in keyof T]: (order: T[K]['order']) => T[K]['answer'] | Promise<T[K]['answer']>;
}): void {
  const byName = new Map<string, (order: unknown) => unknown>(Object.entries(acts));
  process.on('message', ({ n, kind, order }: Asked) => {
    const act = byName.get(kind);
    void Promise.resolve()
      .then(() => act?.(order))
      .then(
        (answer) => tell({ n, answer }),
        (error: unknown) => tell({ n, error: String(error) }),
      );
  });
}

function tell(answered: Answered): void {
  process.send?.(answered);
}
