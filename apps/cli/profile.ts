import { usageError } from './cli-error.js';
import type { Source, StoredConfig, StoredValues } from './settings.js';

/** The values at the top of the file, which is all that there was before there were profiles. */
export const DEFAULT_PROFILE = 'default';

/** A set of values in the file, under a name. */
export type Profile = { name: string; source: Source; values: StoredValues; isThere: boolean };

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/**
 * Flag, then environment, then what `config use` has chosen. A profile takes nothing from another one: a key must not go to a server
 * that it was not stored for.
 * @throws {CliError} usage, when the name cannot be one
 */
export function chosenProfile(
  config: StoredConfig,
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Profile {
  const [name, source] = given(flag, 'flag') ??
    given(env['C4C_PROFILE'], 'environment') ??
    given(config.profile, 'file') ?? [DEFAULT_PROFILE, 'default' as const];
  checkProfileName(name);
  const values = valuesOf(config, name);
  return { name, source, values: values ?? {}, isThere: values !== undefined };
}

export function checkProfileName(name: string): string {
  if (NAME.test(name)) return name;
  throw usageError(
    'The name of a profile is 1 to 63 letters, digits, dots, hyphens or underscores, the first no mark.',
  );
}

/** @throws {CliError} usage, when there is none of this name */
export function requireProfile({ name, isThere }: Profile, config: StoredConfig, path: string): void {
  if (isThere) return;
  throw usageError(
    `There is no profile "${name}" in ${path}: ${profileNames(config).join(', ')}. \`c4c --profile ${name} config set token KEY\` makes it.`,
  );
}

export function profileNames({ profiles = {} }: StoredConfig): string[] {
  return [DEFAULT_PROFILE, ...Object.keys(profiles)];
}

/** Undefined when there is no such profile; the default is always there. */
export function valuesOf(config: StoredConfig, name: string): StoredValues | undefined {
  if (name === DEFAULT_PROFILE) return config;
  const { profiles = {} } = config;
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

/** The file with these values in that profile, made when it is not there. */
export function withValues(config: StoredConfig, name: string, changes: StoredValues): StoredConfig {
  if (name === DEFAULT_PROFILE) return { ...config, ...changes };
  const { profiles = {} } = config;
  return { ...config, profiles: { ...profiles, [name]: { ...valuesOf(config, name), ...changes } } };
}

/** The file without the session of that profile. */
export function withoutSession(config: StoredConfig, name: string): StoredConfig {
  const { session_token: _, session_endpoint: __, ...values } = valuesOf(config, name) ?? {};
  if (name === DEFAULT_PROFILE) return values;
  return { ...config, profiles: { ...config.profiles, [name]: values } };
}

/** The file with another profile in use. */
export function inUse({ profile: _, ...config }: StoredConfig, name: string): StoredConfig {
  return name === DEFAULT_PROFILE ? config : { ...config, profile: name };
}

/** The file without that profile; who used it uses the default. */
export function without(config: StoredConfig, name: string): StoredConfig {
  const { [name]: _, ...profiles } = config.profiles ?? {};
  const left = { ...config, profiles };
  return config.profile === name ? inUse(left, DEFAULT_PROFILE) : left;
}

function given(name: string | undefined, source: Source): [string, Source] | undefined {
  return name === undefined || name.trim() === '' ? undefined : [name.trim(), source];
}
