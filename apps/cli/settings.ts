import { usageError } from './cli-error.js';

export type OutputMode = 'text' | 'json';

/** What a profile holds; the names are those of existing clients. */
export type StoredValues = {
  api_token?: string;
  api_endpoint?: string;
  output?: string;
  webhook_url?: string;
  /** What `owner login` keeps beside the key, and the server that it opens something at. */
  session_token?: string;
  session_endpoint?: string;
};

/** What the configuration file holds: the default profile, the others, and the name of the one in use. */
export type StoredConfig = StoredValues & { profile?: string; profiles?: Readonly<Record<string, StoredValues>> };

export type Flags = { apiKey?: string; endpoint?: string; output?: string; webhookUrl?: string; profile?: string };

export type Source = 'flag' | 'environment' | 'file' | 'default';

export type Setting<Value> = { value: Value; source: Source };

export type Settings = {
  token?: Setting<string>;
  endpoint: Setting<string>;
  output: Setting<OutputMode>;
  webhookUrl?: Setting<string>;
};

export const DEFAULT_ENDPOINT = 'http://127.0.0.1:8787';

/**
 * Flag, then environment, then file, then default; an empty value counts as absent everywhere. A profile that a flag names comes before
 * the environment too, as any flag does.
 * @throws {CliError} usage, when a value is not what it must be
 */
export function resolveSettings(
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
  file: StoredValues,
  isTerminal: boolean,
): Settings {
  const first = (flag?: string, environment?: string, stored?: string): Setting<string> | undefined =>
    firstOf(flag, environment, stored, (flags.profile ?? '') !== '');
  const token = first(flags.apiKey, env['C4C_API_TOKEN'], file.api_token);
  const endpoint = first(flags.endpoint, env['C4C_API_ENDPOINT'], file.api_endpoint);
  const output = first(flags.output, env['C4C_OUTPUT'], file.output);
  const webhookUrl = first(flags.webhookUrl, env['C4C_WEBHOOK_URL'], file.webhook_url);
  return {
    ...(token === undefined ? {} : { token: { ...token, value: checkToken(token.value) } }),
    endpoint:
      endpoint === undefined
        ? { value: DEFAULT_ENDPOINT, source: 'default' }
        : { ...endpoint, value: checkEndpoint(endpoint.value) },
    output:
      output === undefined
        ? { value: isTerminal ? 'text' : 'json', source: 'default' }
        : { ...output, value: checkOutput(output.value) },
    ...(webhookUrl === undefined ? {} : { webhookUrl: { ...webhookUrl, value: checkWebhookUrl(webhookUrl.value) } }),
  };
}

/** Before the command line is understood, errors about it need an output mode too: a look that never fails. */
export function guessOutput(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  file: StoredValues,
  isTerminal: boolean,
): OutputMode {
  const fromFlag = argv.flatMap((word, at) => {
    const joined = /^(?:--output=|-o=?)(text|json)$/.exec(word)?.[1];
    const next = argv[at + 1];
    return joined ?? (['-o', '--output'].includes(word) && next !== undefined ? [next] : []);
  });
  const known = [...fromFlag, env['C4C_OUTPUT'], file.output].find((value) => value === 'text' || value === 'json');
  return known === 'text' || known === 'json' ? known : isTerminal ? 'text' : 'json';
}

export function checkToken(value: string): string {
  const token = value.trim();
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) {
    throw usageError('The API key must be one word of printable ASCII characters.');
  }
  return token;
}

/** The address of a server, without a path of its own API. */
export function checkEndpoint(value: string): string {
  const url = URL.canParse(value.trim()) ? new URL(value.trim()) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw usageError(`The endpoint must be an http or https address such as ${DEFAULT_ENDPOINT}, not "${value}".`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw usageError('The endpoint must not carry a user, a password, a query or a fragment.');
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/openapi\/v1$/, '');
}

export function checkOutput(value: string): OutputMode {
  if (value !== 'text' && value !== 'json') throw usageError(`The output must be text or json, not "${value}".`);
  return value;
}

export function checkWebhookUrl(value: string): string {
  const url = URL.canParse(value.trim()) ? new URL(value.trim()) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw usageError(`The webhook must be an http or https address, not "${value}".`);
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError('The webhook must not carry a user or a password; put a secret into its path or query.');
  }
  return url.href;
}

/** Enough of a key to recognise it, too little to use it. */
export function maskToken(token: string): string {
  const kind = /^(c4c_[a-z]+_)/.exec(token)?.[1] ?? '';
  const rest = token.slice(kind.length);
  return rest.length < 16 ? `${kind}…` : `${kind}${rest.slice(0, 4)}…${rest.slice(-4)}`;
}

function firstOf(
  flag: string | undefined,
  environment: string | undefined,
  file: string | undefined,
  isFileFirst: boolean,
): Setting<string> | undefined {
  const stored = ['file', file] as const;
  const outside = ['environment', environment] as const;
  const order = [['flag', flag] as const, ...(isFileFirst ? [stored, outside] : [outside, stored])];
  const given = order.find(([, value]) => value !== undefined && value.trim() !== '');
  return given?.[1] === undefined ? undefined : { value: given[1], source: given[0] };
}
