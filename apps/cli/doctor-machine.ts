import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CliError } from './cli-error.js';
import { readConfig, VALUE_KEYS, type ConfigFile } from './config-file.js';
import { readStored } from './connect-state.js';
import { EXIT } from './exit-codes.js';
import { ok, problem, warning, type Diagnosis } from './finding.js';
import { chosenProfile, requireProfile, type Profile } from './profile.js';
import { resolveSettings, type Flags, type Settings, type StoredConfig } from './settings.js';

const NODE_MIN = '20.19.0';
const NAMES_SHOWN_MAX = 5;

export function nodeDiagnosis(version: string): Diagnosis {
  if (compareVersions(version, NODE_MIN) >= 0) return ok('node', `Node ${version} runs this command.`);
  const message = `Node ${version} is older than ${NODE_MIN}, which c4c needs.`;
  return problem('node', EXIT.other, message, "Run `npm install` in c4c's clone: it brings a Node of its own.");
}

/** Less than 0 when `a` is older, more when it is newer; what follows a hyphen does not count. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => (version.split('-')[0] ?? '').split('.').map(Number));
  for (const at of [0, 1, 2]) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export type Configuration = { file: ConfigFile; profile: Profile; settings: Settings };

/** The configuration, when it can be used, and what there is to say about it. */
export function configDiagnoses(
  flags: Flags,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): { diagnoses: Diagnosis[]; configuration?: Configuration } {
  try {
    const file = readConfig(path);
    const profile = chosenProfile(file.config, flags.profile, env);
    requireProfile(profile, file.config, path);
    const settings = resolveSettings(flags, env, profile.values, isTerminal);
    return { diagnoses: fileDiagnoses(file, profile), configuration: { file, profile, settings } };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    // A value that is refused may be half of a secret.
    const message = error.message.replace(/, not ".*"\.$/s, '.');
    const mend =
      'Correct the flag, the variable or the file that it comes from; a file that cannot be read may be removed and set anew.';
    return { diagnoses: [problem('config', error.exitCode, message, mend)] };
  }
}

function fileDiagnoses({ path, config, warning: open, isThere }: ConfigFile, profile: Profile): Diagnosis[] {
  const unknown = unknownKeys(config);
  if (open !== undefined)
    return [warning('config', open, 'Look who else has an account here; `c4c owner key rotate` replaces a key.')];
  if (unknown.length > 0) {
    const names = unknown.slice(0, NAMES_SHOWN_MAX).join(', ');
    return [
      warning(
        'config',
        `The configuration ${path} has keys that this version does not know: ${names}.`,
        `It knows ${[...VALUE_KEYS, 'profile', 'profiles'].join(', ')}; rename or remove the others.`,
      ),
    ];
  }
  if (!isThere) return [ok('config', `There is no configuration ${path}; flags, environment and defaults count.`)];
  return [ok('config', `The configuration ${path} is yours alone, and its profile ${profile.name} can be used.`)];
}

/** Names only, and of those nothing that looks like a key. */
function unknownKeys(config: StoredConfig): string[] {
  const values: readonly string[] = VALUE_KEYS;
  const top = Object.keys(config).filter((key) => ![...values, 'profile', 'profiles'].includes(key));
  const inner = Object.entries(config.profiles ?? {}).flatMap(([name, profile]) =>
    Object.keys(profile).flatMap((key) => (values.includes(key) ? [] : [`${name}.${key}`])),
  );
  return [...top, ...inner].map((key) => (/^[\w.-]{1,40}$/.test(key) && !/c4c_/.test(key) ? key : '…'));
}

/** What `c4c connect` has left behind beside the configuration; nothing when it never ran. */
export function stateDiagnoses(configPath: string): Diagnosis[] {
  const folder = join(dirname(configPath), 'connect');
  const mend = 'Remove the file: the server knows what was acknowledged. Events in hand at the end may come once more.';
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    return [
      problem(
        'connect',
        EXIT.other,
        `The folder ${folder} of c4c connect cannot be read.`,
        'Give it back to your user.',
      ),
    ];
  }
  const broken = names.filter((name) => !isReadable(join(folder, name)));
  if (names.length === 0) return [];
  if (broken.length === 0) return [ok('connect', `What c4c connect keeps in ${folder} can be read.`)];
  return broken.map((name) =>
    problem('connect', EXIT.other, `The state ${join(folder, name)} of c4c connect cannot be used.`, mend),
  );
}

function isReadable(path: string): boolean {
  try {
    readStored(path);
    return true;
  } catch (error) {
    if (error instanceof CliError) return false;
    throw error;
  }
}
