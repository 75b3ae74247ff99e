import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseOptions } from 'dependency-cruiser';
import { describe, expect, it } from 'vitest';
import config from '../../dependency-cruiser.config.mjs';

const FIXTURES = join(import.meta.dirname, 'fixtures/imports');
const rules = (config.forbidden ?? []).map((rule) => rule.name ?? '');

/** The names of the rules that the small tree in this folder breaks, each once. */
async function brokenRules(folder: string): Promise<string[]> {
  const options: ICruiseOptions = { ...(config.options as ICruiseOptions), baseDir: join(FIXTURES, folder) };
  const roots = ['apps', 'libs'].filter((root) => existsSync(join(FIXTURES, folder, root)));
  const { output } = await cruise(
    roots,
    { ...options, ruleSet: { forbidden: config.forbidden ?? [] }, validate: true },
    config.options?.enhancedResolveOptions,
  );
  if (typeof output === 'string') throw new Error(`unexpected report: ${output}`);
  return [...new Set(output.summary.violations.map((violation) => violation.rule.name))];
}

describe('the rules of imports', () => {
  it.each(rules)('%s is broken by its fixture, and nothing else is', async (rule) => {
    expect(await brokenRules(rule)).toEqual([rule]);
  });

  it('lets pass what is allowed', async () => {
    expect(await brokenRules('allowed')).toEqual([]);
  });

  it('has no fixture without a rule', () => {
    expect(readdirSync(FIXTURES).sort()).toEqual([...rules, 'allowed'].sort());
  });
});
