import { parsePorts, PORTS_ELSEWHERE, PORTS_IN_PRODUCTION, type EgressSettings } from './egress/settings.js';
import { isNetwork, type TrustProxy } from './rate-limit/client-address.js';

/** Everything the processes are told from outside. Read once, checked at start; each key stands in `.env.example`. */
export type Config = {
  readonly env: 'development' | 'production' | 'test';
  readonly host: string;
  readonly port: number;
  /** Folder of what the launcher keeps: data, secret, dev.json. */
  readonly home: string;
  /** The key under which API keys are hashed. */
  readonly secret: string;
  readonly adminKey?: string;
  readonly demo: boolean;
  readonly database: {
    /** Migrations, roles, and (as role c4c_treasury) deposits. */
    readonly adminUrl: string;
    /** Lanes and queues: a session of its own. */
    readonly directUrl: string;
    /** Everything else; may go through a pooler. */
    readonly url: string;
    /** False when one login serves all three: then the database's own guard of the ledger is off. */
    readonly isSplit: boolean;
  };
  readonly redisUrl?: string;
  readonly logLevel: LogLevel;
  readonly metrics: {
    /** Opens GET /metrics, as an administrator's key does. */
    readonly token?: string;
    /** Where a worker process serves its figures; without it nowhere. */
    readonly port?: number;
  };
  /** The shortest deadline of an invocation, in milliseconds. */
  readonly timeoutMinMs: number;
  /** An event is kept at least so many days. */
  readonly eventDays: number;
  /** Payloads are erased so many days after the end of their invocation; 0 is never. */
  readonly payloadDays: number;
  /** Requests that are taken: a second of one key, a second of one owner, a minute of an address without a right key; 0: any. */
  readonly rates: {
    readonly key: number;
    readonly owner: number;
    readonly wrongKeys: number;
    readonly keyless: number;
  };
  /** Whose word about the client's address is taken. */
  readonly trustProxy: TrustProxy;
  /** Where it may connect to on the word of a user. */
  readonly egress: EgressSettings;
};

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** A setting is missing or wrong. The message is a sentence for the person who starts the process. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const OWN_KEYS = [
  'C4C_HOME',
  'C4C_SECRET',
  'C4C_ADMIN_KEY',
  'C4C_DEMO',
  'C4C_LOG_LEVEL',
  'C4C_TIMEOUT_MIN_MS',
  'C4C_EVENT_DAYS',
  'C4C_PAYLOAD_DAYS',
  'C4C_METRICS_TOKEN',
  'C4C_METRICS_PORT',
  'C4C_RATE_KEY',
  'C4C_RATE_OWNER',
  'C4C_RATE_WRONG_KEYS',
  'C4C_RATE_ADDRESS',
  'C4C_TRUST_PROXY',
  'C4C_EGRESS_ALLOW',
  'C4C_EGRESS_PORTS',
];
// Read by the command line and by the tests; they may stand in the same environment.
const OTHERS_KEYS = [
  'C4C_API_TOKEN',
  'C4C_API_ENDPOINT',
  'C4C_OUTPUT',
  'C4C_WEBHOOK_URL',
  'C4C_CONFIG',
  'C4C_TEST_DATABASE_URL',
  'C4C_LONG',
];
const LOG_LEVELS: readonly string[] = [
  'fatal',
  'error',
  'warn',
  'info',
  'debug',
  'trace',
  'silent',
] satisfies LogLevel[];
const ENVIRONMENTS: readonly string[] = ['development', 'production', 'test'] satisfies Config['env'][];

/**
 * @throws {ConfigError} a key that nobody knows, a value that cannot be, a combination that is unsafe
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const unknown = Object.keys(env).filter(
    (key) => key.startsWith('C4C_') && !OWN_KEYS.includes(key) && !OTHERS_KEYS.includes(key),
  );
  if (unknown.length > 0) {
    throw new ConfigError(
      `Unknown setting ${unknown.join(', ')}. The settings are listed in .env.example; check the spelling.`,
    );
  }
  const nodeEnv = given(env['NODE_ENV']) ?? 'development';
  if (!isEnvironment(nodeEnv))
    throw new ConfigError(`NODE_ENV is "${nodeEnv}"; it must be development, production or test.`);
  const logLevel = given(env['C4C_LOG_LEVEL']) ?? 'info';
  if (!isLogLevel(logLevel))
    throw new ConfigError(`C4C_LOG_LEVEL is "${logLevel}"; it must be one of ${LOG_LEVELS.join(', ')}.`);

  const url = given(env['DATABASE_URL']);
  if (url === undefined)
    throw new ConfigError(
      'DATABASE_URL is not set. `npm start` brings a database of its own; a process started by hand needs one.',
    );
  const adminUrl = given(env['DATABASE_ADMIN_URL']) ?? url;
  const directUrl = given(env['DATABASE_DIRECT_URL']) ?? url;
  for (const [key, value] of Object.entries({
    DATABASE_URL: url,
    DATABASE_ADMIN_URL: adminUrl,
    DATABASE_DIRECT_URL: directUrl,
  })) {
    if (!/^postgres(ql)?:\/\//.test(value) || !URL.canParse(value))
      throw new ConfigError(`${key} must be a URL such as postgresql://user:password@host:5432/name.`);
  }
  const redisUrl = given(env['REDIS_URL']);
  if (redisUrl !== undefined && (!/^rediss?:\/\//.test(redisUrl) || !URL.canParse(redisUrl))) {
    throw new ConfigError('REDIS_URL must be a URL such as redis://host:6379.');
  }
  const secret = given(env['C4C_SECRET']);
  if (secret === undefined || secret.length < 32) {
    throw new ConfigError('C4C_SECRET must have at least 32 characters; make one with: openssl rand -hex 32');
  }
  const adminKey = given(env['C4C_ADMIN_KEY']);
  if (adminKey !== undefined && adminKey.length < 32) {
    throw new ConfigError('C4C_ADMIN_KEY must have at least 32 characters; make one with: openssl rand -hex 32');
  }
  const demo = flag(env, 'C4C_DEMO', true) && nodeEnv !== 'production';
  return {
    env: nodeEnv,
    host: given(env['HOST']) ?? '127.0.0.1',
    port: integer(env, 'PORT', 8787, 0, 65_535),
    home: given(env['C4C_HOME']) ?? '.c4c',
    secret,
    ...(adminKey === undefined ? {} : { adminKey }),
    demo,
    database: { adminUrl, directUrl, url, isSplit: new URL(adminUrl).username !== new URL(url).username },
    ...(redisUrl === undefined ? {} : { redisUrl }),
    logLevel,
    metrics: metricsFrom(env),
    timeoutMinMs: integer(env, 'C4C_TIMEOUT_MIN_MS', 1_000, 1, 86_400_000),
    // An invocation is pending for two days at most, and its event has to be there as long.
    eventDays: integer(env, 'C4C_EVENT_DAYS', 30, 3, 36_500),
    payloadDays: integer(env, 'C4C_PAYLOAD_DAYS', 90, 0, 36_500),
    rates: {
      key: integer(env, 'C4C_RATE_KEY', 1_000, 0, RATE_MAX),
      owner: integer(env, 'C4C_RATE_OWNER', 3_000, 0, RATE_MAX),
      wrongKeys: integer(env, 'C4C_RATE_WRONG_KEYS', 100, 0, RATE_MAX),
      keyless: integer(env, 'C4C_RATE_ADDRESS', 300, 0, RATE_MAX),
    },
    trustProxy: trustedProxies(env, 'C4C_TRUST_PROXY'),
    egress: egressFrom(env, nodeEnv === 'production'),
  };
}

const RATE_MAX = 1_000_000;
const HOPS_MAX = 16;

function trustedProxies(env: Readonly<Record<string, string | undefined>>, key: string): TrustProxy {
  const text = given(env[key]);
  if (text === undefined || text === '0') return undefined;
  if (/^[1-9]\d?$/.test(text) && Number(text) <= HOPS_MAX) return { hops: Number(text) };
  const networks = text.split(',').map((one) => one.trim());
  if (!networks.every(isNetwork))
    throw new ConfigError(
      `${key} is "${text}"; it must be the number of proxies in front (at most ${HOPS_MAX}) or their addresses, such as 10.0.0.0/8,127.0.0.1.`,
    );
  return { networks };
}

function egressFrom(env: Readonly<Record<string, string | undefined>>, isProduction: boolean): EgressSettings {
  const allow = (given(env['C4C_EGRESS_ALLOW'])?.split(',') ?? []).map((one) => one.trim());
  if (!allow.every(isNetwork))
    throw new ConfigError(
      `C4C_EGRESS_ALLOW is "${allow.join(',')}"; it must be addresses or networks, such as 127.0.0.0/8,::1.`,
    );
  const text = given(env['C4C_EGRESS_PORTS']) ?? (isProduction ? PORTS_IN_PRODUCTION : PORTS_ELSEWHERE);
  const ports = parsePorts(text);
  if (ports === undefined)
    throw new ConfigError(`C4C_EGRESS_PORTS is "${text}"; it must be ports and ranges, such as 443,8000-8999.`);
  return { allow, ports, isHttpsOnly: isProduction };
}

function metricsFrom(env: Readonly<Record<string, string | undefined>>): Config['metrics'] {
  const token = given(env['C4C_METRICS_TOKEN']);
  if (token !== undefined && !/^[\x21-\x7e]{32,}$/.test(token)) {
    throw new ConfigError(
      'C4C_METRICS_TOKEN must have at least 32 characters, without spaces; make one with: openssl rand -hex 32',
    );
  }
  const port = given(env['C4C_METRICS_PORT']);
  return {
    ...(token === undefined ? {} : { token }),
    ...(port === undefined ? {} : { port: integer(env, 'C4C_METRICS_PORT', 0, 0, 65_535) }),
  };
}

function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}

function integer(
  env: Readonly<Record<string, string | undefined>>,
  key: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const text = given(env[key]);
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max))
    throw new ConfigError(`${key} is "${text}"; it must be a whole number from ${min} to ${max}.`);
  return value;
}

function flag(env: Readonly<Record<string, string | undefined>>, key: string, fallback: boolean): boolean {
  const text = given(env[key]);
  if (text === undefined) return fallback;
  if (!['0', '1', 'true', 'false'].includes(text)) throw new ConfigError(`${key} is "${text}"; it must be 1 or 0.`);
  return text === '1' || text === 'true';
}

function isEnvironment(value: string): value is Config['env'] {
  return ENVIRONMENTS.includes(value);
}

function isLogLevel(value: string): value is LogLevel {
  return LOG_LEVELS.includes(value);
}
