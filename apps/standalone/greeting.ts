import { relative } from 'node:path';
import type { PublishedService } from './demo-provider.js';

export type Running = {
  url: string;
  home: string;
  database: string;
  queue: string;
  startedInMs: number;
  logFile?: string;
  demo?: { services: PublishedService[] };
};

const SAMPLE = '{"text": "Agents sell. Agents buy. The ledger balances."}';

/** What runs where, and which command to type next. */
export function greeting({ url, home, database, queue, startedInMs, logFile, demo }: Running): string[] {
  const lines = [
    `c4c is ready after ${(startedInMs / 1000).toFixed(1)} s.`,
    `  API        ${url}/openapi/v1   (reference: ${url}/docs)`,
    `  WebSocket  ${url.replace(/^http/, 'ws')}/ws`,
    `  Database   ${database}`,
    `  Queue      ${queue}`,
    ...(logFile === undefined ? [] : [`  Log        ${short(logFile)}`]),
  ];
  if (demo === undefined) return [...lines, '', 'Ctrl-C stops everything.'];
  const first = demo.services[0];
  return [
    ...lines,
    `  Demo       demo-provider sells ${demo.services.map(({ title, price }) => `${title} (${price})`).join(', ')}; keys in ${short(home)}/dev.json`,
    '',
    'Next, in another terminal: be demo-caller, and buy something.',
    '  ./c4c config use demo-caller',
    ...(first === undefined
      ? []
      : [`  ./c4c manage service-invocation invoke ${String(first.id)} --input '${SAMPLE}' --wait`]),
    '',
    'Ctrl-C stops everything.',
  ];
}

function short(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
