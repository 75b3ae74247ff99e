import { it } from 'vitest';
import { anyFault, plays } from './lane-trade.js';
import { actAll } from './lane-stage.js';

const ROUNDS = 20;
const RUNS_A_ROUND = 25;

it('agrees with the model over hundreds of plays, whatever fails meanwhile', async () => {
  // A database for each round: the invariants read all that is there.
  for (let round = 0; round < ROUNDS; round += 1) {
    await actAll(plays(), RUNS_A_ROUND);
    await actAll(plays(anyFault), RUNS_A_ROUND);
  }
});
