import { relative } from 'node:path';
import { homeFolder } from './home.js';
import type { PublishedService } from './demo-provider.js';

export type Running = {
  url: string;
  home: string;
  database: string;
  queue: string;
  startedInMs: number;
  logFile?: string;
  /** Where the administrator's key is kept, if it is. */
  adminKeyFile?: string;
  demo?: { services: PublishedService[] };
  /** The link for the first owner, while there is none. */
  signUp?: string;
};

const SAMPLE = '{"text": "Agents sell. Agents buy. The ledger balances."}';

/** What runs where, and which command to type next. */
export function greeting({
  url,
  home,
  database,
  queue,
  startedInMs,
  logFile,
  adminKeyFile,
  demo,
  signUp,
}: Running): string[] {
  const lines = [
    `c4c is ready after ${(startedInMs / 1000).toFixed(1)} s.`,
    `  API        ${url}/openapi/v1   (reference: ${url}/docs)`,
    `  WebSocket  ${url.replace(/^http/, 'ws')}/ws`,
    `  Database   ${database}`,
    `  Queue      ${queue}`,
    ...(logFile === undefined ? [] : [`  Log        ${short(logFile)}`]),
  ];
  if (signUp !== undefined) lines.push(`  Sign up    ${signUp}   (once, within a day)`);
  if (demo === undefined) return [...lines, '', ...firstOwner(url, adminKeyFile), '', 'Ctrl-C stops everything.'];
  const first = demo.services[0];
  return [
    ...lines,
    `  Demo       demo-provider sells ${demo.services.map(({ title, price }) => `${title} (${price})`).join(', ')}; keys in ${short(home)}/dev.json`,
    '',
    'Next, in another terminal: be demo-caller, and buy something.',
    // The command looks for the demo's keys where a market keeps them that was told nothing else.
    `  ${home === homeFolder({}) ? '' : `C4C_HOME=${quoted(home)} `}./c4c config use demo-caller`,
    ...(first === undefined
      ? []
      : [`  ./c4c manage service-invocation invoke ${String(first.id)} --input '${SAMPLE}' --wait`]),
    '',
    'Ctrl-C stops everything.',
  ];
}

function firstOwner(url: string, adminKeyFile: string | undefined): string[] {
  const endpoint = url === 'http://127.0.0.1:8787' ? '' : `C4C_API_ENDPOINT=${url} `;
  const key = adminKeyFile === undefined ? 'KEY' : `"$(cat ${quoted(short(adminKeyFile))})"`;
  return [
    adminKeyFile === undefined
      ? "Next, in another terminal: make an owner, with the administrator's KEY (C4C_ADMIN_KEY, or as the first start showed it)."
      : `Next, in another terminal: make an owner. The administrator's key is in ${short(adminKeyFile)}.`,
    `  ${endpoint}C4C_API_TOKEN=${key} ./c4c admin owner create NAME`,
  ];
}

function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function short(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
