import { columns } from './terminal-text.js';

const WIDTH = 72;

/** JSON for people: what fits on a line stays on one, the rest is spread over several. */
export function jsonText(value: unknown, indent = ''): string {
  const short = JSON.stringify(value) ?? 'null';
  if (typeof value !== 'object' || value === null) return short;
  const spaced = oneLine(value);
  if (columns(indent) + columns(spaced) <= WIDTH) return spaced;
  const deeper = `${indent}  `;
  const entries = Array.isArray(value)
    ? value.map((item: unknown) => jsonText(item, deeper))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${jsonText(item, deeper)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (entries.length === 0) return short;
  return `${open}\n${entries.map((entry) => deeper + entry).join(',\n')}\n${indent}${close}`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}
