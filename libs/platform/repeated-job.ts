import type { Log } from './log.js';

/**
 * Work that a process does again and again: one run at a time, the next one `everyMs` after the last has ended. A run that
 * fails is logged and the next one comes all the same.
 */
export class RepeatedJob {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> | undefined;
  private isStopped = true;

  constructor(
    readonly name: string,
    private readonly everyMs: number,
    private readonly work: () => Promise<unknown>,
  ) {}

  start(log: Log): void {
    this.isStopped = false;
    const run = (): void => {
      this.running = this.work()
        .catch((error: unknown) => log.error({ err: error, job: this.name }, 'a repeated job failed'))
        .finally(() => {
          this.running = undefined;
          if (!this.isStopped) this.timer = setTimeout(run, this.everyMs);
        });
    };
    run();
  }

  /** Waits for a run under way; none follows. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }
}
