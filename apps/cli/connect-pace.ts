// The server takes 50 frames a second from one socket; where its second begins is not known here, hence fewer.
const FRAMES_MAX = 40;
const WITHIN_MS = 1_000;

/** Lets frames out in order, at most 40 within any second. Acknowledgements pass: each is paid for by an event. */
export class Pace {
  private readonly waiting: string[] = [];
  private readonly sentAt: number[] = [];
  private timer: NodeJS.Timeout | undefined;
  private whenDrained: (() => void) | undefined;

  constructor(private readonly out: (text: string) => void) {}

  /** At once, whatever waits. */
  pass(text: string): void {
    this.out(text);
  }

  send(text: string): void {
    this.waiting.push(text);
    this.flush();
  }

  /** Resolves when everything is out, at the latest after `withinMs`. */
  async drained(withinMs: number): Promise<void> {
    if (this.waiting.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.whenDrained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  end(): void {
    clearTimeout(this.timer);
    this.waiting.length = 0;
    this.whenDrained?.();
  }

  private flush(): void {
    if (this.timer !== undefined) return;
    for (;;) {
      const [text] = this.waiting;
      if (text === undefined) return this.whenDrained?.();
      const now = performance.now();
      const oldest = this.sentAt.length < FRAMES_MAX ? undefined : this.sentAt.shift();
      if (oldest !== undefined && now - oldest < WITHIN_MS) {
        this.sentAt.unshift(oldest);
        this.timer = setTimeout(
          () => {
            this.timer = undefined;
            this.flush();
          },
          WITHIN_MS - (now - oldest),
        );
        return;
      }
      this.sentAt.push(now);
      this.waiting.shift();
      this.out(text);
    }
  }
}
