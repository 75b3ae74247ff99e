import { ConfigError, loadConfig } from './config.js';
import { openPlatform, type Platform } from './platform.module.js';
import { requireRealClock } from './real-clock.js';

/**
 * The life of a process of its own: reads the configuration, starts, and stops in order at SIGTERM or SIGINT. A second signal
 * ends it at once.
 */
export async function runUntilSignal(
  start: (platform: Platform) => Promise<{ close(): Promise<void> }>,
): Promise<void> {
  const platform = openPlatform(configOrExit());
  // Listened to from the beginning: whoever is told to stop while it starts stops as soon as it has started.
  const signalled = signal();
  let running: { close(): Promise<void> };
  try {
    await requireRealClock(platform.config, platform.database);
    running = await start(platform);
  } catch (error) {
    platform.log.fatal({ err: error }, 'could not start');
    process.exit(1);
  }
  signalled
    .then(() => running.close())
    .then(() => platform.close())
    .then(
      () => process.exit(0),
      (error: unknown) => {
        platform.log.fatal({ err: error }, 'could not stop in order');
        process.exit(1);
      },
    );
}

/** The first signal to stop; the second ends the process. */
function signal(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) process.exit(1);
      isStopping = true;
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

function configOrExit(): ReturnType<typeof loadConfig> {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
