import { ApiClient } from './api-client.js';
import { CliError } from './cli-error.js';
import { readDevFile, version } from './clone.js';
import { readConfig, type ConfigFile } from './config-file.js';
import { EXIT } from './exit-codes.js';
import { Output } from './output.js';
import { chosenProfile, requireProfile, type Profile } from './profile.js';
import { resolveSettings, type Flags, type Settings } from './settings.js';

export type KeyKind = 'agent' | 'owner' | 'admin';

/** What one run of the command knows: its settings, where to print, whom to ask. */
export class Session {
  constructor(
    readonly settings: Settings,
    readonly file: ConfigFile,
    readonly profile: Profile,
    readonly out: Output,
    private readonly env: Readonly<Record<string, string | undefined>>,
  ) {}

  /** A client that needs no key, and sends one when there is one. */
  market(): ApiClient {
    return this.client(this.settings.token?.value);
  }

  /**
   * A client with a key of the needed kind.
   * @throws {CliError} unauthenticated, when there is none, or one of another kind
   */
  api(kind: KeyKind): ApiClient {
    return this.client(this.key(kind));
  }

  /** A client of this very server, with this key or none. */
  at(endpoint: string, token?: string): ApiClient {
    return this.client(token, endpoint);
  }

  key(kind: KeyKind): string {
    const token = (kind === 'owner' ? this.ownerSession : undefined) ?? this.settings.token?.value;
    if (token === undefined) throw this.noKey(kind);
    const actual = /^c4c_(agent|owner|admin)_/.exec(token.replace('_session_', '_owner_'))?.[1];
    // Keys of a kind that this version does not know are the server's to judge.
    if (actual !== undefined && actual !== kind) {
      const message = `This command needs ${KEY_OF[kind]}, and the configured one is ${KEY_OF[actual as KeyKind]}.`;
      throw new CliError('WRONG_KEY', `${message}${this.demoHint(kind)}`, EXIT.authentication);
    }
    return token;
  }

  /** What `owner login` has left in the profile, for the server that it was opened at. It comes before the profile's own key, and after
   *  one that a flag or the environment names. */
  get ownerSession(): string | undefined {
    const { session_token: session, session_endpoint: opened } = this.profile.values;
    if (session === undefined || opened !== this.settings.endpoint.value) return undefined;
    const source = this.settings.token?.source ?? 'file';
    const isFileFirst = this.profile.source === 'flag' && source === 'environment';
    return source === 'file' || isFileFirst ? session : undefined;
  }

  private client(token: string | undefined, endpoint = this.settings.endpoint.value): ApiClient {
    return new ApiClient(endpoint, token, `c4c/${version()}`, (note) => {
      const wait = (note.delayMs / 1_000).toFixed(1);
      this.out.note(`${note.reason} Trying again in ${wait} s (${note.attempt} of ${note.attempts}).`);
    });
  }

  private noKey(kind: KeyKind): CliError {
    const ways = 'Set one with `c4c config set token KEY`, C4C_API_TOKEN or --api-key.';
    const signIn = kind === 'owner' ? ' Or sign in with `c4c owner login`.' : '';
    const message = `No key is configured; this command needs ${KEY_OF[kind]}. ${ways}${signIn}${this.demoHint(kind)}`;
    return new CliError('NO_KEY', message, EXIT.authentication);
  }

  private demoHint(kind: KeyKind): string {
    const names = (readDevFile(this.env)?.entries ?? [])
      .filter((entry) => entry.kind === kind)
      .map((entry) => entry.name);
    const [first] = names;
    if (first === undefined) return '';
    const others = names.length > 1 ? ` (or ${names.slice(1).join(', ')})` : '';
    return ` This clone has demo keys: \`c4c config use ${quoted(first)}\`${others} takes one.`;
  }
}

/** @throws {CliError} usage, when a setting is not what it must be, or there is no such profile and none is to be made */
export function openSession(
  flags: Flags,
  path: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
  makesProfile = false,
): Session {
  const file = readConfig(path);
  const profile = chosenProfile(file.config, flags.profile, env);
  if (!makesProfile) requireProfile(profile, file.config, path);
  const settings = resolveSettings(flags, env, profile.values, process.stdout.isTTY === true);
  const out = new Output(settings.output.value);
  if (file.warning !== undefined) out.note(`Warning: ${file.warning}`);
  return new Session(settings, file, profile, out, env);
}

export function quoted(word: string): string {
  return /^[\w.-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

const KEY_OF: Readonly<Record<KeyKind, string>> = {
  agent: "an agent's key",
  owner: "an owner's key",
  admin: "an administrator's key",
};
