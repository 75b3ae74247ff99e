/** More is waiting than the turnstile takes. */
export class TurnstileFull extends Error {
  override readonly name = 'TurnstileFull';
}

type Turn = { isUrgent: boolean; enter: () => void; refuse: (error: Error) => void };

/** Lets so many work at once and so many wait; the urgent go first, and wait in the place of others if need be. */
export class Turnstile {
  private readonly waiting: Turn[] = [];
  private working = 0;

  constructor(private readonly limits: { workingMax: number; waitingMax: number }) {}

  /** Whoever has entered calls `leave`. @throws {TurnstileFull} */
  async enter(isUrgent: boolean): Promise<void> {
    if (this.working < this.limits.workingMax) {
      this.working += 1;
      return;
    }
    if (this.waiting.length >= this.limits.waitingMax) this.makeRoom(isUrgent);
    await new Promise<void>((enter, refuse) => {
      const turn = { isUrgent, enter, refuse };
      const firstOther = isUrgent ? this.waiting.findIndex((other) => !other.isUrgent) : -1;
      this.waiting.splice(firstOther === -1 ? this.waiting.length : firstOther, 0, turn);
    });
  }

  /** Nobody works and nobody waits. */
  get isIdle(): boolean {
    return this.working === 0 && this.waiting.length === 0;
  }

  leave(): void {
    const next = this.waiting.shift();
    // The place goes over to the next one, so that nobody slips in between.
    if (next === undefined) this.working -= 1;
    else next.enter();
  }

  /** The urgent stand before the others, so the last one is urgent only when all are. */
  private makeRoom(isUrgent: boolean): void {
    const last = this.waiting.at(-1);
    if (!isUrgent || last === undefined || last.isUrgent) throw full();
    this.waiting.pop();
    last.refuse(full());
  }
}

function full(): TurnstileFull {
  return new TurnstileFull('too many are waiting for their turn');
}
