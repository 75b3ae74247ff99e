import { apiKeyKind } from '#kernel';
import type { Command } from 'commander';
import { usageError } from './cli-error.js';
import { readDevFile, type DevEntry } from './clone.js';
import { runs } from './command.js';
import { writeConfig } from './config-file.js';
import { readText } from './input-file.js';
import { DEFAULT_PROFILE, inUse, profileNames, valuesOf, without, withValues } from './profile.js';
import { quoted, type Session } from './session.js';
import {
  checkEndpoint,
  checkOutput,
  checkToken,
  checkWebhookUrl,
  maskToken,
  type Setting,
  type StoredConfig,
  type StoredValues,
} from './settings.js';
import { pairs } from './table.js';

export function configCommands(program: Command): void {
  const config = program.command('config').description('the server, the key and the output of this command');

  const set = config
    .command('set')
    .description('store a value; with --profile in that profile, which is made')
    .argument('<name>', 'token, endpoint, output or webhook');
  runs(set.argument('<value>', 'the value; - reads it from standard input'), setValue, { makesProfile: true });

  runs(config.command('show').description('what is set, and from where; the key is masked'), showConfig);

  const use = config.command('use').description("use another profile, or the endpoint and a key of this clone's demo");
  runs(use.argument('[name]', 'profile, or demo agent or owner; absent: list them'), useName, { makesProfile: true });

  const remove = config.command('remove').description('remove a profile with its key').argument('<profile>');
  runs(remove, removeProfile, { makesProfile: true });
}

function setValue(session: Session, [name = '', value = '']: readonly string[]): void {
  const entry = SETTABLE[name];
  if (entry === undefined) throw usageError(`"${name}" cannot be set: ${Object.keys(SETTABLE).join(', ')} can.`);
  const checked = entry.check(value === '-' ? readText('-', name).trim() : value);
  store(session, session.profile.name, { [entry.key]: checked });
  const shown = entry.key === 'api_token' ? maskToken(checked) : checked;
  session.out.result({ [entry.key]: shown }, () => [`${name} is ${shown} now (${whereOf(session)}).`]);
}

function showConfig({ settings, file, profile, out }: Session): void {
  const { token, endpoint, output, webhookUrl } = settings;
  const shown = {
    config: file.path,
    profile: profile.name,
    api_token: token === undefined ? null : maskToken(token.value),
    api_endpoint: endpoint.value,
    output: output.value,
    webhook_url: webhookUrl?.value ?? null,
    sources: {
      profile: profile.source,
      api_token: token?.source ?? null,
      api_endpoint: endpoint.source,
      output: output.source,
      webhook_url: webhookUrl?.source ?? null,
    },
  };
  const from = ({ source }: Setting<string>): string =>
    source === 'file' && profile.name !== DEFAULT_PROFILE ? `profile ${profile.name}` : source;
  out.result(shown, () =>
    pairs([
      ['Configuration', shown.config],
      ['Profile', `${profile.name} (${profile.source})`],
      ['Key', token === undefined ? 'none' : `${shown.api_token} (${from(token)})`],
      ['Endpoint', `${shown.api_endpoint} (${from(endpoint)})`],
      ['Output', `${shown.output} (${from(output)})`],
      ['Webhook', webhookUrl && `${webhookUrl.value} (${from(webhookUrl)})`],
    ]),
  );
}

/** A profile comes before a demo of the same name: it is the user's own. */
function useName(session: Session, [name]: readonly string[]): void {
  const dev = readDevFile(process.env);
  const { config } = session.file;
  if (name === undefined) return listNames(session, dev?.entries ?? []);
  if (valuesOf(config, name) !== undefined) return useProfile(session, name);
  const entry = dev?.entries.find((one) => one.name === name);
  if (dev === undefined || entry === undefined) {
    const names = [...profileNames(config), ...(dev?.entries.map(({ name: one }) => one) ?? [])].map(quoted);
    throw usageError(`There is no profile and no demo "${name}": ${names.join(', ')}.`);
  }
  // Without a wish it is the default: the key of another profile is not thrown away for a demo.
  const { source, name: wished } = session.profile;
  const profile = source === 'flag' || source === 'environment' ? wished : DEFAULT_PROFILE;
  const values = { api_endpoint: checkEndpoint(dev.endpoint), api_token: checkToken(entry.key) };
  store(session, profile, values, (stored) => (source === 'file' ? inUse(stored, profile) : stored));
  const used = { name: entry.name, kind: entry.kind, id: entry.id, endpoint: dev.endpoint };
  session.out.result(used, () => [`You are ${entry.name} (${entry.kind} ${entry.id}) at ${dev.endpoint} now.`]);
}

function useProfile(session: Session, name: string): void {
  writeConfig(session.file.path, inUse(session.file.config, name));
  if (process.env['C4C_PROFILE']?.trim()) session.out.note('Note: C4C_PROFILE is set and comes before this.');
  session.out.result({ profile: name }, () => [`The profile ${name} is used from now on.`]);
}

function listNames({ file: { config }, profile, out }: Session, demos: readonly DevEntry[]): void {
  const profiles = profileNames(config).map((name) => ({
    name,
    kind: 'profile',
    endpoint: valuesOf(config, name)?.api_endpoint ?? null,
    isInUse: name === profile.name,
  }));
  const entries = demos.map(({ name, kind, id }) => ({ name, kind, id }));
  out.result([...profiles, ...entries], () => [
    ...profiles.map(({ name, isInUse, endpoint }) => {
      return `${name} (profile${isInUse ? ', in use' : ''})${endpoint === null ? '' : ` ${endpoint}`}`;
    }),
    ...entries.map(({ name, kind }) => `${name} (${kind})`),
  ]);
}

function removeProfile(session: Session, [name = '']: readonly string[]): void {
  const { config, path } = session.file;
  if (name === DEFAULT_PROFILE) throw usageError('The default profile is the file itself; set its values instead.');
  if (valuesOf(config, name) === undefined) {
    throw usageError(`There is no profile "${name}": ${profileNames(config).join(', ')}.`);
  }
  writeConfig(path, without(config, name));
  session.out.result({ removed: name }, () => [`The profile ${name} is gone, and its key with it.`]);
}

/** A key of ours carries a checksum, so a slip of the hand shows here and not at the first request. */
function checkTyped(value: string): string {
  const token = checkToken(value);
  if (token.startsWith('c4c_') && apiKeyKind(token) === undefined) {
    throw usageError('This key is incomplete or mistyped: its checksum is wrong. Copy it again.');
  }
  return token;
}

function store(
  session: Session,
  profile: string,
  changes: StoredValues,
  also: (config: StoredConfig) => StoredConfig = (config) => config,
): void {
  const { file, out } = session;
  writeConfig(file.path, also(withValues(file.config, profile, changes)));
  // A profile that a flag names comes before the environment, but the next command may have no such flag.
  if (changes.api_token !== undefined && isGiven('C4C_API_TOKEN')) {
    out.note('Note: C4C_API_TOKEN is set and comes before the configuration.');
  }
  if (changes.api_endpoint !== undefined && isGiven('C4C_API_ENDPOINT')) {
    out.note('Note: C4C_API_ENDPOINT is set and comes before the configuration.');
  }
}

function isGiven(name: string): boolean {
  return (process.env[name] ?? '').trim() !== '';
}

function whereOf({ file, profile }: Session): string {
  return profile.name === DEFAULT_PROFILE ? file.path : `profile ${profile.name}, ${file.path}`;
}

const SETTABLE: Readonly<Record<string, { key: keyof StoredValues; check: (value: string) => string }>> = {
  token: { key: 'api_token', check: checkTyped },
  endpoint: { key: 'api_endpoint', check: checkEndpoint },
  output: { key: 'output', check: checkOutput },
  webhook: { key: 'webhook_url', check: checkWebhookUrl },
};
