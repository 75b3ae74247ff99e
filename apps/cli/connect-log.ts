import type { Output } from './output.js';
import { safeText } from './terminal-text.js';

/** The events of `c4c connect`; programs rely on these names. */
export type ConnectEvent =
  | 'connecting'
  | 'connected'
  | 'disconnected'
  | 'refused'
  | 'server.error'
  | 'event.received'
  | 'event.duplicate'
  | 'forward.ok'
  | 'forward.retry'
  | 'forward.expired'
  | 'forward.dropped'
  | 'acked'
  | 'ack.failed'
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
      return `connected to ${text('endpoint')}${facts['webhook'] === undefined ? '' : `, forwarding to ${text('webhook')}`}`;
    case 'disconnected':
      return `disconnected: ${text('reason')}; connecting again in ${seconds(facts['retryInMs'])}`;
    case 'refused':
      return `refused: ${text('reason')}`;
    case 'server.error':
      return `the server says: ${text('message')}`;
    case 'event.received':
      return `received ${what}${facts['title'] === undefined ? '' : ` (${text('title')})`}`;
    case 'event.duplicate':
      return `received ${what} again; it is known`;
    case 'forward.ok':
      return `forwarded ${what}: HTTP ${text('status')} in ${text('ms')} ms`;
    case 'forward.retry':
      return `could not forward ${what}: ${text('reason')}; trying again in ${seconds(facts['retryInMs'])}`;
    case 'forward.expired':
      return `gave up on ${what} after ${text('attempt')} tries: ${text('reason')}`;
    case 'forward.dropped':
      return `too much is waiting; ${what} is left for the next connection`;
    case 'acked':
      return `acknowledged ${what}`;
    case 'ack.failed':
      return `could not acknowledge ${what}: ${text('reason')}`;
    case 'stopping':
      return `stopping (${text('signal')}); a second signal stops at once`;
    case 'stopped':
      return 'stopped';
  }
}

function seconds(ms: unknown): string {
  return `${(Number(ms) / 1_000).toFixed(1)} s`;
}
