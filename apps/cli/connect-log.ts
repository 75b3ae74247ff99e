import type { Output } from './output.js';
import { safeText } from './terminal-text.js';

/** The events of `c4c connect`; programs rely on these names. */
export type ConnectEvent =
  | 'connecting'
  | 'connected'
  | 'resumed'
  | 'showing'
  | 'disconnected'
  | 'draining'
  | 'refused'
  | 'server.error'
  | 'secret.created'
  | 'caught_up'
  | 'gap'
  | 'event.received'
  | 'event.duplicate'
  | 'forward.ok'
  | 'forward.retry'
  | 'forward.failed'
  | 'forward.expired'
  | 'submitted'
  | 'submit.failed'
  | 'acked'
  | 'stopping'
  | 'stopped';

export type Log = (event: ConnectEvent, facts?: Readonly<Record<string, unknown>>) => void;

/** One JSON line an event on standard output, or one sentence an event on standard error. Keys are in neither. */
export function connectLog(out: Output): Log {
  return (event, facts = {}) => {
    const at = new Date().toISOString();
    if (out.mode === 'json') out.jsonLine({ event, at, ...facts });
    else out.note(`${at.slice(11, 23)}  ${sentence(event, facts)}`);
  };
}

function sentence(event: ConnectEvent, facts: Readonly<Record<string, unknown>>): string {
  const text = (name: string): string => safeText(facts[name]);
  const what = `${text('name')}${facts['invocationId'] === undefined ? '' : ` ${text('invocationId')}`}`;
  switch (event) {
    case 'connecting':
      return `connecting to ${text('endpoint')}`;
    case 'connected':
      return `connected to ${text('endpoint')}${facts['target'] === undefined ? '' : `, forwarding to ${text('target')}`}`;
    case 'resumed':
      return `going on after event ${text('after')}, ${text('lag')} to catch up`;
    case 'showing':
      return facts['acknowledges'] === true
        ? 'no target: events are only shown, but work that is shown counts as acknowledged: its caller cannot cancel it, and webhooks do not get it. --webhook or --exec hands it on; a key without the scope "provide" only looks on'
        : 'no target, and a key that may not provide: events are only shown, and stay with those who do the work';
    case 'disconnected':
      return `disconnected: ${text('reason')}; connecting again in ${seconds(facts['retryInMs'])}`;
    case 'draining':
      return `the server is about to stop; connecting again in ${seconds(facts['reconnectAfterMs'])}`;
    case 'refused':
      return `refused: ${text('reason')}`;
    case 'server.error':
      return `the server says: ${text('message')}`;
    case 'secret.created':
      return `signing with ${text('secret')} (made now, kept in ${text('file')})`;
    case 'caught_up':
      return `caught up to event ${text('seq')}`;
    case 'gap':
      return `events ${text('from')} to ${text('to')} are older than the server keeps them, and lost`;
    case 'event.received':
      return `received ${what}${facts['title'] === undefined ? '' : ` (${text('title')})`}`;
    case 'event.duplicate':
      return `received ${what} again; it is known`;
    case 'forward.ok':
      return `forwarded ${what}: ${facts['status'] === undefined ? 'done' : `HTTP ${text('status')}`} in ${text('ms')} ms`;
    case 'forward.retry':
      return `could not forward ${what}: ${text('reason')}; trying again in ${seconds(facts['retryInMs'])}`;
    case 'forward.failed':
      return `gave up on ${what} after ${text('attempt')} tries: ${text('reason')}`;
    case 'forward.expired':
      return `gave up on ${what} at its deadline after ${text('attempt')} tries: ${text('reason')}`;
    case 'submitted':
      return `submitted ${what}: ${text('status')}`;
    case 'submit.failed':
      return `could not submit ${what}: ${text('reason')}`;
    case 'acked':
      return `acknowledged ${what}`;
    case 'stopping':
      return `stopping (${text('signal')}); a second signal stops at once`;
    case 'stopped':
      return 'stopped';
  }
}

function seconds(ms: unknown): string {
  return `${(Number(ms) / 1_000).toFixed(1)} s`;
}
