import { apiKeyKind } from '#kernel';
import type { Command } from 'commander';
import { usageError } from './cli-error.js';
import { readDevFile, type DevEntry } from './clone.js';
import { runs } from './command.js';
import { writeConfig } from './config-file.js';
import { readText } from './input-file.js';
import { quoted, type Session } from './session.js';
import { checkEndpoint, checkOutput, checkToken, checkWebhookUrl, maskToken, type StoredConfig } from './settings.js';
import { pairs } from './table.js';

export function configCommands(program: Command): void {
  const config = program.command('config').description('the server, the key and the output of this command');

  const set = config
    .command('set')
    .description('store a value')
    .argument('<name>', 'token, endpoint, output or webhook');
  runs(set.argument('<value>', 'the value; - reads it from standard input'), (session, [name = '', value = '']) => {
    const entry = SETTABLE[name];
    if (entry === undefined) throw usageError(`"${name}" cannot be set: ${Object.keys(SETTABLE).join(', ')} can.`);
    const checked = entry.check(value === '-' ? readText('-', name).trim() : value);
    store(session, { [entry.key]: checked });
    const shown = entry.key === 'api_token' ? maskToken(checked) : checked;
    session.out.result({ [entry.key]: shown }, () => [`${name} is ${shown} now (${session.file.path}).`]);
  });

  runs(config.command('show').description('what is set, and from where; the key is masked'), showConfig);

  const use = config.command('use').description("take the endpoint and a key of this clone's demo");
  runs(use.argument('[name]', 'name of the demo agent or owner; absent: list them'), (session, [name]) => {
    const dev = readDevFile(process.env);
    if (dev === undefined) throw usageError('This clone has no demo keys: `npm start` makes them in .c4c/dev.json.');
    if (name === undefined) {
      const names = dev.entries.map(({ name: one, kind, id }) => ({ name: one, kind, id }));
      session.out.result(names, () => names.map(({ name: one, kind }) => `${one} (${kind})`));
      return;
    }
    const entry = dev.entries.find((one) => one.name === name);
    if (entry === undefined) throw usageError(`There is no demo "${name}": ${dev.entries.map(nameOf).join(', ')}.`);
    store(session, { api_endpoint: checkEndpoint(dev.endpoint), api_token: checkToken(entry.key) });
    const used = { name: entry.name, kind: entry.kind, id: entry.id, endpoint: dev.endpoint };
    session.out.result(used, () => [`You are ${entry.name} (${entry.kind} ${entry.id}) at ${dev.endpoint} now.`]);
  });
}

function showConfig({ settings, file, out }: Session): void {
  const shown = {
    config: file.path,
    api_token: settings.token === undefined ? null : maskToken(settings.token.value),
    api_endpoint: settings.endpoint.value,
    output: settings.output.value,
    webhook_url: settings.webhookUrl?.value ?? null,
  };
  out.result(shown, () =>
    pairs([
      ['Configuration', shown.config],
      ['Key', settings.token === undefined ? 'none' : `${shown.api_token} (${settings.token.source})`],
      ['Endpoint', `${shown.api_endpoint} (${settings.endpoint.source})`],
      ['Output', `${shown.output} (${settings.output.source})`],
      ['Webhook', settings.webhookUrl && `${settings.webhookUrl.value} (${settings.webhookUrl.source})`],
    ]),
  );
}

/** A key of ours carries a checksum, so a slip of the hand shows here and not at the first request. */
function checkTyped(value: string): string {
  const token = checkToken(value);
  if (token.startsWith('c4c_') && apiKeyKind(token) === undefined) {
    throw usageError('This key is incomplete or mistyped: its checksum is wrong. Copy it again.');
  }
  return token;
}

function store(session: Session, changes: StoredConfig): void {
  writeConfig(session.file.path, { ...session.file.config, ...changes });
  if (changes.api_token !== undefined && session.settings.token?.source === 'environment') {
    session.out.note('Note: C4C_API_TOKEN is set and comes before the configuration.');
  }
  if (changes.api_endpoint !== undefined && session.settings.endpoint.source === 'environment') {
    session.out.note('Note: C4C_API_ENDPOINT is set and comes before the configuration.');
  }
}

function nameOf(entry: DevEntry): string {
  return quoted(entry.name);
}

const SETTABLE: Readonly<Record<string, { key: keyof StoredConfig; check: (value: string) => string }>> = {
  token: { key: 'api_token', check: checkTyped },
  endpoint: { key: 'api_endpoint', check: checkEndpoint },
  output: { key: 'output', check: checkOutput },
  webhook: { key: 'webhook_url', check: checkWebhookUrl },
};
