import { describe, expect, it } from 'vitest';
import { CliError } from './cli-error.js';
import { checkEndpoint, checkWebhookUrl, guessOutput, maskToken, resolveSettings } from './settings.js';

describe('precedence', () => {
  const file = {
    api_token: 'from-file',
    api_endpoint: 'http://file:1',
    output: 'text',
    webhook_url: 'http://file/hook',
  };
  const env = {
    C4C_API_TOKEN: 'from-env',
    C4C_API_ENDPOINT: 'http://env:1',
    C4C_OUTPUT: 'json',
    C4C_WEBHOOK_URL: 'http://env/hook',
  };
  const flags = { apiKey: 'from-flag', endpoint: 'http://flag:1', output: 'text', webhookUrl: 'http://flag/hook' };

  it('takes the flag before the environment before the file before the default', () => {
    expect(resolveSettings(flags, env, file, true)).toMatchObject({
      token: { value: 'from-flag', source: 'flag' },
      endpoint: { value: 'http://flag:1', source: 'flag' },
      output: { value: 'text', source: 'flag' },
      webhookUrl: { value: 'http://flag/hook', source: 'flag' },
    });
    expect(resolveSettings({}, env, file, true)).toMatchObject({
      token: { value: 'from-env', source: 'environment' },
      endpoint: { value: 'http://env:1', source: 'environment' },
      output: { value: 'json', source: 'environment' },
    });
    expect(resolveSettings({}, {}, file, true)).toMatchObject({
      token: { value: 'from-file', source: 'file' },
      endpoint: { value: 'http://file:1', source: 'file' },
    });
    expect(resolveSettings({}, {}, {}, true)).toEqual({
      endpoint: { value: 'http://127.0.0.1:8787', source: 'default' },
      output: { value: 'text', source: 'default' },
    });
  });

  it('counts an empty value as absent', () => {
    expect(resolveSettings({ apiKey: '' }, { C4C_API_TOKEN: ' ' }, file, true).token?.value).toBe('from-file');
  });

  it('prints JSON into a pipe unless text is asked for', () => {
    expect(resolveSettings({}, {}, {}, false).output.value).toBe('json');
    expect(resolveSettings({ output: 'text' }, {}, {}, false).output.value).toBe('text');
  });

  it.each([
    [{ output: 'xml' }, 'The output must be text or json'],
    [{ endpoint: 'ftp://host' }, 'The endpoint must be an http or https address'],
    [{ endpoint: 'http://user:pass@host' }, 'must not carry a user'],
    [{ apiKey: 'two words' }, 'one word'],
    [{ webhookUrl: 'file:///etc/passwd' }, 'The webhook must be an http or https address'],
  ])('refuses %j', (flags, message) => {
    expect(() => resolveSettings(flags, {}, {}, true)).toThrow(message);
    expect(() => resolveSettings(flags, {}, {}, true)).toThrow(CliError);
  });
});

describe('values', () => {
  it('takes an endpoint with or without the base path', () => {
    expect(checkEndpoint('http://host:8787/')).toBe('http://host:8787');
    expect(checkEndpoint('https://host/openapi/v1/')).toBe('https://host');
    expect(checkEndpoint('https://host/market')).toBe('https://host/market');
  });

  it('takes a webhook address as it is', () => {
    expect(checkWebhookUrl('http://127.0.0.1:9000/hook?x=1')).toBe('http://127.0.0.1:9000/hook?x=1');
  });

  it('shows too little of a key to use it', () => {
    expect(maskToken('c4c_agent_abcdefghijklmnopqrstuvwxyz_123456')).toBe('c4c_agent_abcd…3456');
    expect(maskToken('short')).toBe('…');
  });
});

describe('the output mode of an error about the command line', () => {
  it.each([
    [['market', '-o', 'json'], {}, {}, true, 'json'],
    [['market', '--output=text'], { C4C_OUTPUT: 'json' }, {}, false, 'text'],
    [['submit', '-o', 'result.json'], { C4C_OUTPUT: 'json' }, {}, true, 'json'],
    [['submit', '-o'], {}, { output: 'json' }, true, 'json'],
    [[], {}, { output: 'nonsense' }, true, 'text'],
    [[], {}, {}, false, 'json'],
  ] as const)('of %j with %j, %j on a terminal: %j is %s', (argv, env, file, isTerminal, mode) => {
    expect(guessOutput(argv, env, file, isTerminal)).toBe(mode);
  });
});
