import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Invitations, Owners, signUpLink } from '#owners';
import { ConfigError, createLog, loadConfig, StartError, type Config, type HealthCheck, type Log } from '#platform';
import { printAdminKey } from './admin-key.js';
import { migrateAll, openDatabase } from './database.js';
import { demoKeys } from './demo-keys.js';
import { seedDemo, forgetDemo } from './demo-seed.js';
import { startDemo, type Demo } from './demo.js';
import { readEnvFile } from './env-file.js';
import { greeting } from './greeting.js';
import { lockHome, type HomeLock } from './home-lock.js';
import { homeFolder, openHome, readSecret, writePrivate } from './home.js';
import { LogFile } from './log-file.js';
import { startMarket, type Market } from './market.js';
import { cannotListen, requireFreePort } from './port.js';
import { onStopWish, stopAll, type Part } from './stopping.js';

/** The webhook of somebody who tries it out is on this machine. */
const DEVELOPMENT = { C4C_EGRESS_ALLOW: '127.0.0.0/8,::1' };

/** How long a stop waits for a start that is under way. */
const START_WITHIN_MS = 60_000;

/** A script that waits for /readyz finds the demo's services on sale. */
const DEMO_IS_OPEN: HealthCheck = {
  name: 'demo',
  check: () => (isDemoOpen ? Promise.resolve() : Promise.reject(new Error('the demo is being opened'))),
};
let isDemoOpen = false;

const running: Part[] = [];
let lock: HomeLock | undefined;
let ending: Promise<void> | undefined;

// Whoever reads our lines may have gone; that is no reason to fall over.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
process.on('uncaughtException', (error) => fail(error));
process.on('unhandledRejection', (error) => fail(error));
onStopWish(
  () => {
    console.log('Stopping.');
    void end(0);
  },
  () => process.exit(130),
);

const started = start();
await started.catch(fail);

/** The whole market in one process, from an empty folder to a greeting. Each step that starts something says how to stop it. */
async function start(): Promise<void> {
  readEnvFile();
  const home = homeFolder(process.env);
  // The database's place is not known yet; every other setting is judged before anything is touched.
  const early = loadConfig({ ...process.env, ...placeholders(process.env), C4C_HOME: home });
  await openHome(home);
  lock = await lockHome(home);
  if (early.port !== 0) await requireFreePort(early.host, early.port);

  const database = await openDatabase(process.env, home, { log: say, onGone: fail });
  const { embedded } = database;
  if (embedded !== undefined) running.push({ name: 'The database', stop: () => embedded.stop() });
  if (ending !== undefined) return;
  const env = { ...(early.env === 'production' ? {} : DEVELOPMENT), ...process.env, ...database.env, C4C_HOME: home };
  const config = loadConfig({
    ...env,
    C4C_SECRET: process.env['C4C_SECRET']?.trim() ? process.env['C4C_SECRET'] : await readSecret(home),
  });
  await migrateAll(env, say);
  if (ending !== undefined) return;

  const { log, logFile } = openLog(config);
  const market = await startMarket(config, log, config.demo ? [DEMO_IS_OPEN] : []).catch((error: Error) => {
    throw cannotListen(error, config.host, config.port);
  });
  running.push({ name: 'The market', stop: () => market.close() });
  const url = reachable(market.url);
  await lock.noteUrl(url);
  const adminKeyFile = await showAdminKey(market, config);
  const demo = await openDemo(market, config, url);
  isDemoOpen = true;
  const invitation = await market.app.get(Invitations).forFirstOwner(await demoKeys(config.home));
  if (ending !== undefined) return;

  const lines = greeting({
    url,
    home,
    database:
      embedded === undefined
        ? `the server of DATABASE_URL (${new URL(config.database.url).host})`
        : `PostgreSQL on 127.0.0.1:${String(embedded.port)}, data in ${embedded.dataFolder}`,
    queue: config.redisUrl === undefined ? 'in the database' : `Redis (${new URL(config.redisUrl).host})`,
    startedInMs: performance.now(),
    ...(logFile === undefined ? {} : { logFile }),
    ...(adminKeyFile === undefined ? {} : { adminKeyFile }),
    ...(demo === undefined ? {} : { demo }),
    ...(invitation === undefined ? {} : { signUp: signUpLink(url, invitation) }),
  });
  console.log(lines.join('\n'));
}

async function openDemo(market: Market, config: Config, url: string): Promise<Demo | undefined> {
  if (!config.demo) {
    await forgetDemo(config.home);
    return undefined;
  }
  const { agents } = await seedDemo(market, config, url);
  const provider = agents.find(({ name }) => name === 'demo-provider');
  if (provider === undefined) return undefined;
  const demo = await startDemo(url, provider.key);
  running.push({ name: 'The demo provider', stop: () => demo.close() });
  return demo;
}

/** In production it is shown once and kept nowhere; elsewhere a file saves a look into the scrollback. */
async function showAdminKey(market: Market, config: Config): Promise<string | undefined> {
  const file = join(config.home, 'admin.key');
  const keep = (key: string): Promise<void> => writePrivate(file, `${key}\n`);
  await market.app.get(Owners).ensureAdminKey(config.env === 'production' ? printAdminKey : keep);
  return config.env !== 'production' && config.adminKey === undefined && existsSync(file) ? file : undefined;
}

/** People get a file to look into, servers get lines on standard output. */
function openLog(config: Config): { log: Log; logFile?: string } {
  if (config.env === 'production') return { log: createLog(config.logLevel) };
  const logFile = join(config.home, 'log', 'c4c.log');
  const destination = new LogFile(logFile);
  process.once('exit', () => destination.flush());
  return { log: createLog(config.logLevel, destination), logFile };
}

/** Values that pass the checks where the real ones come later. */
function placeholders(env: NodeJS.ProcessEnv): Record<string, string> {
  return {
    ...(env['DATABASE_URL']?.trim() ? {} : { DATABASE_URL: 'postgresql://127.0.0.1/c4c' }),
    ...(env['C4C_SECRET']?.trim() ? {} : { C4C_SECRET: 'x'.repeat(32) }),
  };
}

/** An address that this machine can connect to, where the server listens on all of them. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0', '//127.0.0.1').replace('//[::]', '//[::1]');
}

function fail(error: unknown): void {
  const isExpected = error instanceof StartError || error instanceof ConfigError;
  console.error(isExpected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
  void end(1);
}

/** Stops what runs, last started first: demo, API and workers, database; then lets go of the home. */
function end(code: number): Promise<void> {
  ending ??= (async () => {
    await lock?.noteStopping();
    await Promise.race([started.catch(() => undefined), sleep(START_WITHIN_MS)]);
    const errors = await stopAll(running);
    for (const error of errors) console.error(error.message);
    await lock?.release();
    process.exit(errors.length > 0 ? 1 : code);
  })();
  return ending;
}

function say(line: string): void {
  console.log(line);
}
