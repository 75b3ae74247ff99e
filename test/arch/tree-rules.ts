/** What no tracked file may contain: nothing ties the project to one machine, and nothing is left half done. */
export type TextRule = {
  /** Undefined: every text file. */
  files?: RegExp;
  pattern: RegExp;
  /** A finding on a line that is excused here does not count; `before` is the line above. */
  isExcused?: (line: string, before: string) => boolean;
};

const TESTS = /\.test\.ts$/;

export const TREE_RULES: Record<string, TextRule> = {
  'no-machine-path': { pattern: /(?<![\w.~$})-])\/(home|root|Users|work|workspace|mnt)\/[\w.]|\b[A-Z]:\\\\?Users\\/ },
  'no-registry-host': {
    pattern: /\bregistry\.(npmjs|yarnpkg|npmmirror)\.|\bnpm\.pkg\.github\.com|^(@[\w-]+:)?registry\s*=/,
  },
  'no-resolved-url': {
    files: /(^|\/)(package-lock|npm-shrinkwrap)\.json$/,
    pattern: /"resolved":\s*"(https?|git|file)/,
  },
  'no-left-over': { pattern: /\b(TODO|FIXME|XXX|HACK)\b/ },
  'no-only': { files: TESTS, pattern: /\b(it|test|describe|suite|bench)(\.\w+)*\.only\b/ },
  'skip-says-why': {
    files: TESTS,
    pattern: /\b(it|test|describe|suite|bench)(\.\w+)*\.(skip|todo|fails)\b/,
    isExcused: (line, before) => /\/\/\s*\S+ \S+/.test(line) || /^\s*(\/\/|\*)/.test(before),
  },
  'no-merge-marker': { pattern: /^(<{7}|>{7}) / },
  'no-private-key': { pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ },
};

export type TreeFinding = { rule: string; path: string; line: number; text: string };

export function lintText(path: string, text: string): TreeFinding[] {
  const rules = Object.entries(TREE_RULES).filter(([, rule]) => rule.files === undefined || rule.files.test(path));
  const lines = text.split('\n');
  return lines.flatMap((line, i) =>
    rules
      .filter(([, { pattern, isExcused }]) => pattern.test(line) && isExcused?.(line, lines[i - 1] ?? '') !== true)
      .map(([rule]) => ({ rule, path, line: i + 1, text: line.trim().slice(0, 160) })),
  );
}
