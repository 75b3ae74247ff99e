import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CliError, usageError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import type { StoredConfig } from './settings.js';

const OWNER_ONLY = 0o600;
/** What a profile may hold. */
export const VALUE_KEYS = [
  'api_token',
  'api_endpoint',
  'output',
  'webhook_url',
  'session_token',
  'session_endpoint',
] as const;

export type ConfigFile = { path: string; config: StoredConfig; isThere: boolean; warning?: string };

export function configPath(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  const given = flag ?? env['C4C_CONFIG'];
  return given === undefined || given === '' ? join(homedir(), '.c4c', 'config.json') : resolve(given);
}

/**
 * Reads the file; one that does not exist is empty. A file that others may read is closed to them, for it holds a key.
 * @throws {CliError} usage, when it is not what this command wrote
 */
export function readConfig(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { path, config: {}, isThere: false };
    throw new CliError('CONFIG_UNREADABLE', `The configuration ${path} cannot be read: ${reason(error)}.`, EXIT.other);
  }
  const warning = closeToOthers(path);
  return { path, config: parse(path, text), isThere: true, ...(warning === undefined ? {} : { warning }) };
}

/** Replaces the file in one step, readable by its owner only: a crash leaves the old or the new one, never half. */
export function writeConfig(path: string, config: StoredConfig): void {
  const draft = `${path}.${randomUUID()}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = openSync(draft, 'wx', OWNER_ONLY);
    try {
      writeSync(file, `${JSON.stringify(config, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new CliError(
      'CONFIG_UNWRITABLE',
      `The configuration ${path} cannot be written: ${reason(error)}.`,
      EXIT.other,
    );
  }
}

function closeToOthers(path: string): string | undefined {
  if (process.platform === 'win32') return undefined;
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  const was = mode.toString(8).padStart(3, '0');
  try {
    chmodSync(path, OWNER_ONLY);
    return `${path} was readable by others (mode ${was}); it is mode 600 now. If others use this machine, replace the key.`;
  } catch {
    return `${path} is readable by others (mode ${was}) and holds a key: run chmod 600 on it.`;
  }
}

function parse(path: string, text: string): StoredConfig {
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    // The parser's own words quote the text around the place, and that may be a key.
    throw usageError(`The configuration ${path} is not JSON. Correct it or remove it.`);
  }
  if (!isObject(value)) {
    throw usageError(`The configuration ${path} must hold one JSON object. Correct it or remove it.`);
  }
  requireTexts(value, [...VALUE_KEYS, 'profile'], `the configuration ${path}`);
  const profiles: unknown = Reflect.get(value, 'profiles');
  if (profiles !== undefined && !isObject(profiles)) {
    throw usageError(`"profiles" in the configuration ${path} must be an object.`);
  }
  for (const [name, profile] of Object.entries(profiles ?? {})) {
    if (!isObject(profile)) throw usageError(`The profile "${name}" in the configuration ${path} must be an object.`);
    requireTexts(profile, VALUE_KEYS, `the profile "${name}" of the configuration ${path}`);
  }
  // Keys that this version does not know stay in the object, so that writing it back keeps them.
  return value;
}

function requireTexts(values: object, keys: readonly string[], where: string): void {
  for (const key of keys) {
    const one: unknown = Reflect.get(values, key);
    if (one !== undefined && typeof one !== 'string') throw usageError(`"${key}" in ${where} must be a string.`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
