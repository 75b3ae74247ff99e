import { expect, it } from 'vitest';
import { anyFault, plays } from './lane-trade.js';
import { actAll } from './lane-stage.js';

const RUNS = 20;
const VERDICTS = [
  ...['opened', 'replay', 'key_reused', 'insufficient_funds', 'price_above_maximum', 'own_service', 'busy'],
  ...['closed', 'already_settled', 'deadline_passed', 'not_due', 'not_found'],
];

it('however the lanes cut what comes at once, some order of it explains every answer', async () => {
  const { said } = await actAll(plays(), RUNS);
  for (const verdict of VERDICTS) expect(said.get(verdict), verdict).toBeGreaterThan(0);
}, 120_000);

it('whatever fails in the middle of a call, each item has one end, and no neighbour of it suffers', async () => {
  const { said, struck } = await actAll(plays(anyFault), RUNS);
  expect(said.get('poisoned')).toBeGreaterThan(0);
  expect(struck).toBeGreaterThan(10);
}, 120_000);
