import { Nap } from './nap.js';

/** Does the same thing again and again: at once while there is more to do, and after a nap otherwise. */
export class Rounds {
  private readonly nap = new Nap();
  private running: Promise<void> | undefined;
  private isStopped = false;
  private isFailing = false;

  /** @param round answers whether there is more to do at once */
  constructor(
    private readonly round: () => Promise<boolean>,
    private readonly pollMs: number,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Begins no other round; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.nap.endIn(0);
    await this.running;
  }

  /** There is something to do in so many milliseconds. */
  wake(inMs = 0): void {
    this.nap.endIn(inMs);
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      this.nap.plan(this.pollMs);
      try {
        const isMore = await this.round();
        this.isFailing = false;
        if (isMore) continue;
      } catch (error) {
        // An outage is told once; nothing is lost, since the rows wait.
        if (!this.isFailing) this.onFailure(error);
        this.isFailing = true;
        this.nap.plan(this.pollMs);
      }
      if (!this.isStopped) await this.nap.take();
    }
  }
}
