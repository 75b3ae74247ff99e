/** A number of places; whoever finds none free waits in order. */
export class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private available: number) {}

  async take(): Promise<void> {
    if (this.available > 0) {
      this.available -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  free(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.available += 1;
    else next();
  }
}
