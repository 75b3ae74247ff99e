import { ESLint, type Linter } from 'eslint';
import { expect, it } from 'vitest';

const eslint = new ESLint({ cwd: new URL('../..', import.meta.url).pathname });

it.each([
  '@typescript-eslint/no-explicit-any',
  '@typescript-eslint/no-non-null-assertion',
  '@typescript-eslint/no-floating-promises',
  '@typescript-eslint/switch-exhaustiveness-check',
  'max-lines',
  'no-console',
])('%s is an error in a lib', async (rule) => {
  const config = (await eslint.calculateConfigForFile('libs/escrow/hold.ts')) as Linter.Config;
  expect([config.rules?.[rule]].flat()[0]).toBe(2);
});

it('refuses a default export, a long file and an enum', async () => {
  const long = `export default 1;\nexport enum Colour { Red }\n${'export {};\n'.repeat(299)}`;
  const untyped = new ESLint({
    cwd: new URL('../..', import.meta.url).pathname,
    overrideConfig: { languageOptions: { parserOptions: { project: null } } },
    ruleFilter: ({ ruleId }) => ['no-restricted-syntax', 'max-lines'].includes(ruleId),
  });
  const [result] = await untyped.lintText(long, { filePath: 'libs/escrow/hold.ts' });
  const rules = (result?.messages ?? []).map((message) => message.ruleId ?? message.message);
  expect(rules.sort()).toEqual(['max-lines', 'no-restricted-syntax', 'no-restricted-syntax']);
});
