import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CliError, usageError } from './cli-error.js';
import { EXIT } from './exit-codes.js';

export type LocalSecret = { secret: string; file?: string; isNew: boolean };

const BYTES = 32;
const OWNER_ONLY = 0o600;

/**
 * What is posted to programs on this machine is signed with: the given secret, that of the environment, or one of this
 * configuration, made when it is needed first.
 * @throws {CliError} usage, when it is not `whsec_` and base64 of 24 to 64 bytes; other, when it cannot be kept
 */
export function localSecret(
  given: string | undefined,
  configFile: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): LocalSecret {
  const secret = given ?? env['C4C_WEBHOOK_SECRET'];
  if (secret !== undefined && secret !== '') return { secret: checked(secret), isNew: false };
  const file = join(dirname(configFile), 'webhook-secret');
  try {
    const made = `whsec_${randomBytes(BYTES).toString('base64')}`;
    const isNew = !exists(file) && keep(file, made);
    return { secret: checked(readFileSync(file, 'utf8').trim()), file, isNew };
  } catch (error) {
    if (error instanceof CliError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('SECRET_UNUSABLE', `The secret in ${file} cannot be used: ${why}.`, EXIT.other);
  }
}

function exists(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

/** False when somebody else was first: then theirs counts. */
function keep(file: string, secret: string): boolean {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, `${secret}\n`, { mode: OWNER_ONLY, flag: 'wx' });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function checked(secret: string): string {
  const bytes = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  const length = bytes === undefined ? 0 : Buffer.from(bytes, 'base64').length;
  if (length >= 24 && length <= 64) return secret;
  throw usageError('A webhook secret is "whsec_" and the base64 of 24 to 64 bytes, as the market gives them out.');
}
