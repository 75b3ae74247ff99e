import type { LoggerService } from '@nestjs/common';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { currentTraceId } from './trace.js';

export type Log = Logger;

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** One JSON line per thing that happened, with the trace id of the request it belongs to and without secrets. */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => redactFields(fields, 0),
    },
    mixin: () => {
      const traceId = currentTraceId();
      return traceId === undefined ? {} : { traceId };
    },
    hooks: { streamWrite: redactText },
  };
  return pino(options, destination ?? pino.destination({ dest: 1, sync: false }));
}

/** Lets Nest write into our log. What Nest itself has to say at start is of use to developers only. */
export function nestLogger(log: Log): LoggerService {
  return {
    log: (message: unknown, ...rest: unknown[]) => log.debug({ context: contextOf(rest) }, String(message)),
    debug: (message: unknown, ...rest: unknown[]) => log.debug({ context: contextOf(rest) }, String(message)),
    verbose: (message: unknown, ...rest: unknown[]) => log.trace({ context: contextOf(rest) }, String(message)),
    warn: (message: unknown, ...rest: unknown[]) => log.warn({ context: contextOf(rest) }, String(message)),
    error: (message: unknown, ...rest: unknown[]) => log.error(errorFields(message, rest), String(message)),
    fatal: (message: unknown, ...rest: unknown[]) => log.fatal(errorFields(message, rest), String(message)),
  };
}

/** Nest passes the name of its part as the last argument. */
function contextOf(rest: unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' ? last : undefined;
}

function errorFields(message: unknown, rest: unknown[]): Record<string, unknown> {
  const error = [message, ...rest].find((part) => part instanceof Error);
  const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
  return {
    context: contextOf(rest),
    ...(error === undefined ? {} : { err: error }),
    ...(stack === undefined ? {} : { stack }),
  };
}

const SECRET_FIELDS = new Set([
  'x-api-key',
  'apikey',
  'api_key',
  'api-key',
  'authorization',
  'cookie',
  'key',
  'secret',
  'password',
  'token',
]);
const REDACT_DEPTH_MAX = 5;
const REDACTED = '[redacted]';

function redactFields(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    shown[name] = SECRET_FIELDS.has(name.toLowerCase()) && value !== undefined ? REDACTED : redactValue(value, depth);
  }
  return shown;
}

function redactValue(value: unknown, depth: number): unknown {
  // Errors have their own serialiser; dates and other class instances print themselves.
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (depth >= REDACT_DEPTH_MAX) return '[deep]';
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return redactFields({ ...value }, depth + 1);
}

const API_KEY = /c4c_(agent|owner|admin)_[0-9A-Za-z_]+/g;
const KEY_IN_QUERY = /([?&](?:api_key|apikey|key|token)=)[^&"\s\\]+/gi;
const PASSWORD_IN_URL = /(\b[a-z][a-z0-9+]*:\/\/[^:@/\s"]*:)[^@/\s"]+@/gi;

/** The net below the names: a key or a password inside a message, an URL or a stack does not reach the log either. */
function redactText(line: string): string {
  let safe = line;
  if (safe.includes('c4c_')) safe = safe.replace(API_KEY, `c4c_$1_${REDACTED}`);
  if (safe.includes('=')) safe = safe.replace(KEY_IN_QUERY, `$1${REDACTED}`);
  if (safe.includes('://')) safe = safe.replace(PASSWORD_IN_URL, `$1${REDACTED}@`);
  return safe;
}
