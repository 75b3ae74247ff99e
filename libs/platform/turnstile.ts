/** More is waiting than the turnstile takes, or for longer. */
export class TurnstileFull extends Error {
  override readonly name = 'TurnstileFull';
}

export type TurnstileLimits = { workingMax: number; waitingMax: number; waitMaxMs?: number };

type Turn = { isUrgent: boolean; isWanted: () => boolean; enter: () => void; refuse: () => void };

/** Lets so many work at once and so many wait; the urgent go first, and wait in the place of others if need be. */
export class Turnstile {
  private readonly waiting: Turn[] = [];
  private working = 0;

  constructor(private readonly limits: TurnstileLimits) {}

  /** Whoever has entered calls `leave`. A turn that nobody wants any more is given to the next. @throws {TurnstileFull} */
  async enter(isUrgent: boolean, isWanted: () => boolean = () => true): Promise<void> {
    if (this.working < this.limits.workingMax) {
      this.working += 1;
      return;
    }
    if (this.waiting.length >= this.limits.waitingMax) this.makeRoom(isUrgent);
    const { promise, resolve: enter, reject } = Promise.withResolvers<void>();
    const turn = { isUrgent, isWanted, enter, refuse: () => reject(full()) };
    const firstOther = isUrgent ? this.waiting.findIndex((other) => !other.isUrgent) : -1;
    this.waiting.splice(firstOther === -1 ? this.waiting.length : firstOther, 0, turn);
    const { waitMaxMs } = this.limits;
    const timer = waitMaxMs === undefined ? undefined : setTimeout(() => this.giveUp(turn), waitMaxMs);
    await promise.finally(() => clearTimeout(timer));
  }

  /** Nobody works and nobody waits. */
  get isIdle(): boolean {
    return this.working === 0 && this.waiting.length === 0;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  leave(): void {
    let next = this.waiting.shift();
    while (next?.isWanted() === false) {
      next.refuse();
      next = this.waiting.shift();
    }
    // The place goes over to the next one, so that nobody slips in between.
    if (next === undefined) this.working -= 1;
    else next.enter();
  }

  /** The urgent stand before the others, so the last one is urgent only when all are. */
  private makeRoom(isUrgent: boolean): void {
    for (const turn of this.waiting.filter(({ isWanted }) => !isWanted())) this.giveUp(turn);
    if (this.waiting.length < this.limits.waitingMax) return;
    const last = this.waiting.at(-1);
    if (!isUrgent || last === undefined || last.isUrgent) throw full();
    this.giveUp(last);
  }

  private giveUp(turn: Turn): void {
    const place = this.waiting.indexOf(turn);
    // Its turn may have come in the very moment in which its time was over.
    if (place === -1) return;
    this.waiting.splice(place, 1);
    turn.refuse();
  }
}

function full(): TurnstileFull {
  return new TurnstileFull('too many are waiting for their turn');
}
