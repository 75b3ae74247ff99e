import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#platform';
import { newSecret, sign } from './signing.js';

/*
 * What docs/webhooks.md shows for verifying a signature, as it stands there, run against what is sent.
 */
const page = readFileSync(join(packageRoot(), 'docs/webhooks.md'), 'utf8');
const sample = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]+?)\`\`\``).exec(page)?.[1] ?? '';

type Case = { secret: string; headers: Record<string, string>; body: Buffer };

/** How a sample is run: its files, and the command that ends with 0 for a good signature. The case stands in case.json and body. */
type Runner = { tool: string; files: Record<string, string>; command: (one: Case) => string[] };

const PYTHON_MAIN = `import json, sys
from verify import verify
case = json.load(open("case.json"))
sys.exit(0 if verify(case["secret"], case["headers"], open("body", "rb").read()) else 1)
`;
const NODE_MAIN = `import { readFileSync } from 'node:fs';
import { verify } from './verify.mjs';
const { secret, headers } = JSON.parse(readFileSync('case.json'));
process.exit(verify(secret, headers, readFileSync('body')) ? 0 : 1);
`;
const GO_MAIN = `package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	text, _ := os.ReadFile("case.json")
	body, _ := os.ReadFile("body")
	var one struct {
		Secret  string
		Headers map[string]string
	}
	if json.Unmarshal(text, &one) != nil {
		os.Exit(2)
	}
	headers := http.Header{}
	for name, value := range one.Headers {
		headers.Set(name, value)
	}
	if !verify(one.Secret, headers, body) {
		os.Exit(1)
	}
}
`;

const RUNNERS: Record<string, Runner> = {
  js: {
    tool: process.execPath,
    files: { 'verify.mjs': sample('js'), 'main.mjs': NODE_MAIN },
    command: () => ['main.mjs'],
  },
  python: {
    tool: 'python3',
    files: { 'verify.py': sample('python'), 'main.py': PYTHON_MAIN },
    command: () => ['main.py'],
  },
  go: {
    tool: 'go',
    files: { 'go.mod': 'module sample\n\ngo 1.21\n', 'verify.go': sample('go'), 'main.go': GO_MAIN },
    command: () => ['run', '.'],
  },
  sh: {
    tool: 'sh',
    files: { 'verify.sh': sample('sh') },
    command: ({ secret, headers }) => [
      'verify.sh',
      secret,
      headers['webhook-id'] ?? '',
      headers['webhook-timestamp'] ?? '',
      headers['webhook-signature'] ?? '',
    ],
  },
};

/** What a sample needs beside its own tool. */
const NEEDS: Record<string, string[]> = { sh: ['openssl', 'od'] };

const secret = newSecret();
const body = Buffer.from('{"text":"Grüße 🐚\\n","n":1}\n');
const good = (secrets = [secret], at = new Date(), signed = body): Case => ({
  secret,
  headers: { ...sign(secrets, 'evt_1', at, signed) },
  body,
});
const withHeader = (one: Case, name: string, value: string): Case => ({
  ...one,
  headers: { ...one.headers, [name]: value },
});
const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);

const CASES: [string, boolean, Case][] = [
  ['what was signed', true, good()],
  ['a second signature during a rotation', true, good([newSecret(), secret])],
  ['a first signature during a rotation', true, good([secret, newSecret()])],
  ['a request that was four minutes on its way', true, good([secret], minutesAgo(4))],
  ['another secret', false, good([newSecret()])],
  ['another body', false, good([secret], new Date(), Buffer.from('{"text":"other"}'))],
  ['another id', false, withHeader(good(), 'webhook-id', 'evt_2')],
  ['another time', false, withHeader(good(), 'webhook-timestamp', String(Math.floor(Date.now() / 1_000) - 7))],
  ['an old request', false, good([secret], minutesAgo(6))],
  ['a request from the future', false, good([secret], minutesAgo(-6))],
  ['a time that is none', false, withHeader(good(), 'webhook-timestamp', 'x')],
  ['no signature', false, withHeader(good(), 'webhook-signature', '')],
  [
    'a signature of another version',
    false,
    withHeader(good(), 'webhook-signature', good().headers['webhook-signature']?.replace('v1,', 'v2,') ?? ''),
  ],
  [
    'half a signature',
    false,
    withHeader(good(), 'webhook-signature', good().headers['webhook-signature']?.slice(0, 20) ?? ''),
  ],
];

describe.each(Object.entries(RUNNERS))('the sample in %s', (language, { tool, files, command }) => {
  const folder = mkdtempSync(join(tmpdir(), `c4c-sample-${language}-`));
  const missing = [tool, ...(NEEDS[language] ?? [])].filter((one) => !isThere(one));

  beforeAll(() => {
    if (missing.length > 0)
      console.warn(`The sample in ${language} is not run: this machine has no ${missing.join(' and no ')}.`);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('stands on the page', () => expect(sample(language)).not.toBe(''));

  it.for(CASES)('judges %s', ([, isGood, one], { skip }) => {
    skip(missing.length > 0, `this machine has no ${missing.join(' and no ')}`);
    writeFileSync(join(folder, 'case.json'), JSON.stringify({ secret: one.secret, headers: one.headers }));
    writeFileSync(join(folder, 'body'), one.body);
    const { status, stderr } = spawnSync(tool, command(one), { cwd: folder, input: one.body, encoding: 'utf8' });
    expect(status, stderr).toBe(isGood ? 0 : 1);
  });
});

function isThere(tool: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', tool]).status === 0;
}
