import { seeded } from '../support/seeded.js';

/** Something that was asked and answered while other things were under way. */
export type Deed<State> = {
  /** For the message when nothing explains it. */
  name: string;
  /** Places in one common count of everything that was sent and answered. */
  sentAt: number;
  answeredAt: number;
  /** What it may have made of this state: the state itself when it changed nothing, none when it cannot have happened now. */
  outcomes: (state: State) => State[];
};

// A wrong turn shows only when nothing goes on any more, and the way back to it is long: beginning again with the order shaken
// a little finds the right turn sooner.
const SHAKES = [0, 1, 2, 4, 8, 16, 32, 64];
const ROUNDS = 40;
const STEPS_MAX = 1_000;

/**
 * Finds an order in which the deeds, one at a time, explain every answer and what is there afterwards: what was answered before
 * something else was sent comes before it (M. Herlihy, J. Wing, "Linearizability", 1990). Returns the state after the last of them.
 * @param fits whether the state is what is there: an answer may be explained in two ways, of which one only did happen
 * @throws when no such order is found
 */
export function explained<State>(
  start: State,
  deeds: readonly Deed<State>[],
  print: (state: State) => string,
  fits: (state: State) => boolean = () => true,
): State {
  const random = seeded(deeds.length);
  let best: readonly Deed<State>[] = deeds;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const shake of SHAKES) {
      // The order of the answers is nearly always the right one already.
      const places = new Map(deeds.map((deed) => [deed, deed.answeredAt + shake * random()]));
      const search = new Search(
        [...deeds].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0)),
        print,
        fits,
      );
      const end = search.from(start, 0);
      if (end !== undefined) return end.state;
      if (search.left.length < best.length) best = search.left;
    }
  }
  const left = best.map(({ name, sentAt, answeredAt }) => `${sentAt} to ${answeredAt}: ${name}`);
  throw new Error(`no order explains these answers; of ${deeds.length} there are left at best\n${left.join('\n')}`);
}

/** Tries the deeds in this order first, and goes back where that leads nowhere. */
class Search<State> {
  /** What nothing explained when most was. */
  left: readonly Deed<State>[];
  private readonly isDone: boolean[];
  private readonly deadEnds = new Set<string>();
  private steps = 0;

  constructor(
    private readonly deeds: readonly Deed<State>[],
    private readonly print: (state: State) => string,
    private readonly fits: (state: State) => boolean,
  ) {
    this.isDone = deeds.map(() => false);
    this.left = deeds;
  }

  /** The state after all of them, in a box since a state may be anything. */
  from(state: State, done: number): { state: State } | undefined {
    if (done === this.deeds.length) return this.fits(state) ? { state } : undefined;
    if (this.deadEnds.size > 0 && this.deadEnds.has(this.place(state))) return undefined;
    if (this.deeds.length - done < this.left.length) this.left = this.deeds.filter((_, n) => this.isDone[n] === false);
    for (const { n, nexts } of this.possible(state)) {
      for (const next of nexts) {
        this.steps += 1;
        if (this.steps > STEPS_MAX) return undefined;
        this.isDone[n] = true;
        const end = this.from(next, done + 1);
        if (end !== undefined) return end;
        this.isDone[n] = false;
      }
    }
    this.deadEnds.add(this.place(state));
    return undefined;
  }

  private possible(state: State): { n: number; nexts: State[] }[] {
    const open = this.deeds.flatMap((deed, n) => (this.isDone[n] === true ? [] : [{ deed, n }]));
    const firstAnswer = Math.min(...open.map(({ deed }) => deed.answeredAt));
    const found: { n: number; nexts: State[] }[] = [];
    for (const { deed, n } of open) {
      if (deed.sentAt > firstAnswer) continue;
      const nexts = deed.outcomes(state);
      // What is explained now and changes nothing can go first in any order that there is: then no other needs a try.
      if (nexts.length === 1 && nexts[0] === state) return [{ n, nexts }];
      found.push({ n, nexts });
    }
    return found;
  }

  private place(state: State): string {
    return `${this.isDone.map(Number).join('')} ${this.print(state)}`;
  }
}
