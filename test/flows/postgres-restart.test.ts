import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectInvariants } from '../support/database.js';
import { Fleet, send, submit, want } from '../support/fleet.js';
import { killPostgres, restartPostgres, untilAnswers } from '../support/kill-postgres.js';
import type { AppProcess } from '../support/processes.js';
import { Channels, Made } from './channels.js';
import { startDurableDatabase } from './crash-rounds.js';

// What a webhook's try held when the server went is tried again when its lease of 8 s has ended; nothing else waits so long.
const REACHED_WITHIN_MS = 11_000;
const BEFORE_AND_AFTER_MS = 1_000;

describe('with sockets, a stream, a poll and a webhook open, PostgreSQL under load', () => {
  let database: Awaited<ReturnType<typeof startDurableDatabase>>;
  let fleet: Fleet;
  let api: AppProcess;
  let channels: Channels;
  let made: Made;

  beforeAll(async () => {
    database = await startDurableDatabase();
    fleet = await Fleet.on(database, { C4C_EGRESS_ALLOW: '127.0.0.0/8' });
    [api] = await Promise.all([fleet.start('api'), fleet.start('worker')]);
    channels = await Channels.open(fleet, api, [() => api]);
    made = new Made(() => api, [channels.live, channels.hooked]);
  }, 120_000);
  afterAll(async () => {
    await channels?.close();
    await fleet?.end();
    await database?.end();
  });

  it.each([
    { fault: 'is restarted', befall: restartPostgres },
    { fault: 'is killed with all its processes', befall: killPostgres },
  ])('$fault: what was answered reaches every channel once', { timeout: 90_000 }, async ({ befall }) => {
    const before = { repeated: made.repeated, answered: made.all.length };
    made.start(6, 20);
    await sleep(BEFORE_AND_AFTER_MS);
    await befall(database.server);
    await untilAnswers(database.pool);
    await sleep(BEFORE_AND_AFTER_MS);
    await made.stop();
    // The load has met the fault.
    expect(made.repeated).toBeGreaterThan(before.repeated);
    expect(made.all.length).toBeGreaterThan(before.answered + 50);
    await channels.reach(made, REACHED_WITHIN_MS);
  });

  it('no money is wrong: what is submitted is paid once, the rest is held', { timeout: 60_000 }, async () => {
    const { live } = channels;
    const ids = made.of(live);
    const done = ids.filter((_, n) => n % 8 === 0);
    for (const id of done) await want(submit(api, live, id));
    const wallet = (key: string): Promise<unknown> => want(send(api, key, 'GET', '/owner/wallet'));
    expect(await wallet(live.caller.ownerKey)).toEqual({
      available: String(100_000 - ids.length),
      held: String(ids.length - done.length),
    });
    expect(await wallet(live.provider.ownerKey)).toEqual({ available: String(done.length), held: '0' });
    await expectInvariants(database);
  });
});
