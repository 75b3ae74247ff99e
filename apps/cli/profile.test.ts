import { describe, expect, it } from 'vitest';
import { CliError } from './cli-error.js';
import { chosenProfile, inUse, profileNames, requireProfile, without, withValues } from './profile.js';
import { resolveSettings } from './settings.js';

const FILE = {
  api_token: 'default-key',
  output: 'json',
  profile: 'work',
  profiles: { work: { api_token: 'work-key' }, home: { api_endpoint: 'http://home:1' } },
};

describe('the profile in use', () => {
  it.each([
    ['home', { C4C_PROFILE: 'work' }, FILE, 'home', 'flag'],
    [undefined, { C4C_PROFILE: 'home' }, FILE, 'home', 'environment'],
    ['', { C4C_PROFILE: ' ' }, FILE, 'work', 'file'],
    [undefined, {}, { api_token: 'x' }, 'default', 'default'],
    ['default', {}, FILE, 'default', 'flag'],
  ] as const)('of the flag %j and the environment %j is found', (flag, env, file, name, source) => {
    expect(chosenProfile(file, flag, env)).toMatchObject({ name, source, isThere: true });
  });

  it('has its own values and none of the default', () => {
    const { values } = chosenProfile(FILE, 'home', {});
    const { token, endpoint, output } = resolveSettings({ profile: 'home' }, {}, values, true);
    expect(token).toBeUndefined();
    expect(endpoint).toEqual({ value: 'http://home:1', source: 'file' });
    expect(output).toEqual({ value: 'text', source: 'default' });
  });

  it('comes before the environment only where a flag names it', () => {
    const env = { C4C_API_TOKEN: 'env-key' };
    const { values } = chosenProfile(FILE, 'work', env);
    expect(resolveSettings({ profile: 'work' }, env, values, true).token?.value).toBe('work-key');
    expect(resolveSettings({}, env, values, true).token?.value).toBe('env-key');
    expect(resolveSettings({ profile: 'work', apiKey: 'flag' }, env, values, true).token?.value).toBe('flag');
  });

  it.each(['-x', 'a b', '../x', '__proto__', 'x'.repeat(64)])('cannot be called %j', (name) => {
    expect(() => chosenProfile(FILE, name, {})).toThrow(CliError);
  });

  it.each(['nobody', 'constructor'])('has to be there: %s is not', (name) => {
    const profile = chosenProfile(FILE, name, {});
    expect(() => requireProfile(profile, FILE, '/c.json')).toThrow(
      `no profile "${name}" in /c.json: default, work, home`,
    );
  });
});

describe('the file', () => {
  it('keeps the default at its top', () => {
    expect(withValues(FILE, 'default', { api_token: 'new' })).toEqual({ ...FILE, api_token: 'new' });
  });

  it('takes values into a profile, new or not, beside those it has', () => {
    const changed = withValues(withValues(FILE, 'work', { output: 'text' }), 'lab', { api_token: 'lab-key' });
    expect(changed.profiles).toEqual({
      ...FILE.profiles,
      work: { api_token: 'work-key', output: 'text' },
      lab: { api_token: 'lab-key' },
    });
    expect(profileNames(changed)).toEqual(['default', 'work', 'home', 'lab']);
  });

  it('goes back to the default when the profile in use is removed', () => {
    expect(without(FILE, 'work')).toEqual({
      api_token: 'default-key',
      output: 'json',
      profiles: { home: FILE.profiles.home },
    });
    expect(without(FILE, 'home').profile).toBe('work');
    expect(inUse(FILE, 'default')).not.toHaveProperty('profile');
  });
});
