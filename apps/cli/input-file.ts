import { JSON_DEPTH_MAX } from '#kernel';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { usageError } from './cli-error.js';

// The API takes bodies of 256 KB; ten times that is a mistake of the person and not worth reading.
const SIZE_MAX = 2_621_440;
const CHUNK = 65_536;

/**
 * A JSON object from a file, from standard input (`-`) or written out on the command line (`{…}`).
 * @throws {CliError} usage, with the name of the flag
 */
export function readJsonObject(source: string, flag: string): Record<string, unknown> {
  const isInline = source.trimStart().startsWith('{');
  if (!isInline && isOtherJson(source) && !existsSync(source)) {
    throw usageError(`${flag} must be a JSON object ({…}), not ${source.trim().slice(0, 100)}.`);
  }
  const value = parseJson(isInline ? source : readText(source, flag), isInline ? 'the value' : nameOf(source), flag);
  return asObject(value, flag);
}

/** A JSON or YAML object from a file or standard input. */
export async function readDocument(source: string, flag: string): Promise<Record<string, unknown>> {
  const text = readText(source, flag);
  if (text.trimStart().startsWith('{') || source.endsWith('.json')) {
    return asObject(parseJson(text, nameOf(source), flag), flag);
  }
  return asObject(await parseYamlText(text, nameOf(source), flag), flag);
}

export function readText(source: string, flag: string): string {
  let bytes: Buffer;
  try {
    bytes = readAtMost(source, SIZE_MAX + 1);
  } catch (error) {
    throw usageError(`${flag}: ${nameOf(source)} cannot be read: ${messageOf(error)}.`);
  }
  if (bytes.length > SIZE_MAX) throw usageError(`${flag}: ${nameOf(source)} is larger than anything the API takes.`);
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

/** A device or a pipe may never end, so its size is known only by stopping. */
function readAtMost(source: string, limit: number): Buffer {
  // Descriptor 0 is standard input; it reads to its end, from a pipe, a file or a terminal.
  const descriptor = source === '-' ? 0 : openSync(source, 'r');
  const chunks: Buffer[] = [];
  try {
    for (let length = 0; length < limit;) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, limit - length));
      const count = readNow(descriptor, chunk);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      length += count;
    }
  } finally {
    if (descriptor !== 0) closeSync(descriptor);
  }
  return Buffer.concat(chunks);
}

/** Standard input may be shared with a program that made it non-blocking; then nothing to read yet is not the end. */
function readNow(descriptor: number, chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(descriptor, chunk);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/** JSON that is no object, written where a file or an object belongs. */
function isOtherJson(source: string): boolean {
  if (/^\s*["[]/.test(source)) return true;
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

function parseJson(text: string, name: string, flag: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(`${flag}: ${name} is not JSON: ${messageOf(error)}`);
  }
}

async function parseYamlText(text: string, name: string, flag: string): Promise<unknown> {
  // Loaded when it is needed: most commands read no YAML, and every command should start at once.
  const { parse: parseYaml } = await import('yaml');
  try {
    // Few aliases are ever needed; without a limit a small file can unfold into gigabytes.
    return parseYaml(text, { maxAliasCount: 20 });
  } catch (error) {
    throw usageError(`${flag}: ${name} is not YAML: ${messageOf(error)}`);
  }
}

function asObject(value: unknown, flag: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw usageError(`${flag} must hold one object ({…}).`);
  }
  if (isDeeperThan(JSON_DEPTH_MAX, value)) {
    throw usageError(`${flag} is nested too deeply: the API takes ${JSON_DEPTH_MAX} levels.`);
  }
  return value as Record<string, unknown>;
}

/** Looks no deeper than asked, so that neither a deep file nor a circle of YAML aliases exhausts the stack. */
function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

function messageOf(error: unknown): string {
  if (error instanceof RangeError) return 'it is nested too deeply';
  return error instanceof Error ? error.message : String(error);
}

function nameOf(source: string): string {
  return source === '-' ? 'standard input' : source;
}
