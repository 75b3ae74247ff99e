import { InvalidArgumentError, type Command } from 'commander';
import { listLines, rowsOf } from './answer.js';
import { SAFE_RETRIES } from './api-client.js';
import { usageError } from './cli-error.js';
import { idOf, runs, wholeNumber } from './command.js';
import { deliveryLines, deliveryPageLines, replayLines, REPLAYS } from './webhook-deliveries.view.js';
import { endpointPath } from './webhook-paths.js';
import { replay, type ReplayOptions } from './webhook-replay.js';

type LogOptions = {
  status?: string;
  type?: string;
  since?: string;
  replay?: number;
  before?: number;
  limit?: number;
};

const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

/** What was sent to an endpoint, and sending it once more. */
export function deliveryCommands(webhook: Command): void {
  const log = webhook
    .command('log')
    .description('what was sent to an endpoint, the newest first; or one delivery with all its tries')
    .argument('<endpoint>')
    .argument('[delivery]')
    .option('--status <status>', 'pending, delivered, failed, expired, superseded or cancelled')
    .option('--type <type>', 'of events, such as invocation.invoked')
    .option('--since <when>', 'made since then: 30m, 2h, 3d, or a time such as 2026-01-05T10:00:00Z', sinceOf)
    .option('--replay <id>', 'made by this replay', wholeNumber(1, NUMBER_MAX))
    .option('--before <id>', 'where the page before says that there is more', wholeNumber(1, NUMBER_MAX))
    .option('-l, --limit <number>', 'deliveries a page (default: 20; at most 100)', wholeNumber(1, 1_000_000));
  runs<LogOptions>(log, async (session, [endpoint, delivery], { status, type, since, replay: replayId, ...page }) => {
    const path = `${endpointPath(endpoint)}/deliveries`;
    const query = { status, eventType: type, since, replayId, before: page.before, limit: page.limit };
    if (delivery === undefined) {
      const data = await session.api('agent').data({ path, query, retries: SAFE_RETRIES });
      return session.out.result(data, () => deliveryPageLines(data, session.out.width));
    }
    if (Object.values(query).some((value) => value !== undefined)) {
      throw usageError('One delivery is shown whole: leave the options out, or its id.');
    }
    const one = `${path}/${idOf(delivery, 'a delivery')}`;
    const data = await session.api('agent').data({ path: one, retries: SAFE_RETRIES });
    return session.out.result(data, () => deliveryLines(data, session.out.width));
  });

  const again = webhook
    .command('replay')
    .description('send once more: one delivery, all that failed, or a range of the event log')
    .argument('<endpoint>')
    .argument('[delivery]')
    .option('--failed', 'every delivery that has failed')
    .option('--after <seq>', 'the events after this number, sent before or not', wholeNumber(0, NUMBER_MAX))
    .option('--through <seq>', 'up to this number (default: the newest)', wholeNumber(1, NUMBER_MAX))
    .option('--idempotency-key <key>', 'repeat with the same key to get the same replay (default: a new one)')
    .option(
      '--wait [seconds]',
      'wait for the end of it (60 s unless given); still on the way: exit 8',
      wholeNumber(0, 86_400),
    );
  runs<ReplayOptions>(again, replay);

  const replays = webhook
    .command('replays')
    .description('the replays of an endpoint, the newest first; or how far one is')
    .argument('<endpoint>')
    .argument('[replay]')
    .option('-l, --limit <number>', 'replays (default: 20; at most 100)', wholeNumber(1, 1_000_000));
  runs<{ limit?: number }>(replays, async (session, [endpoint, id], { limit }) => {
    const path = `${endpointPath(endpoint)}/replays`;
    const api = session.api('agent');
    if (id === undefined) {
      const data = await api.data({ path, query: { limit }, retries: SAFE_RETRIES });
      const rows = rowsOf(data, 'replays');
      return session.out.result(data, () => listLines(REPLAYS, rows, data, session.out.width));
    }
    const data = await api.data({ path: `${path}/${idOf(id, 'a replay')}`, retries: SAFE_RETRIES });
    return session.out.result(data, () => replayLines(data));
  });
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The instant that is "2h" ago, or the one that is named. */
export function sinceOf(text: string, _before?: unknown, now = Date.now()): string {
  const [, number = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text.trim()) ?? [];
  // Date.parse alone takes "5" for a month.
  const named = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  const at = number === '' ? named : now - Number(number) * (UNITS[unit] ?? Number.NaN);
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError(
    'It must be a time ago such as 30m, 2h or 3d, or a time such as 2026-01-05T10:00:00Z.',
  );
}
