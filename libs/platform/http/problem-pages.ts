import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package-root.js';

export type ProblemPage = { slug: string; code: string; title: string; markdown: string };

/** The pages of docs/problems, in order of their codes. Their first line is `# CODE: title`. */
export function readProblemPages(folder = join(packageRoot(), 'docs/problems')): ProblemPage[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.md'));
  return names.sort().map((name) => {
    const markdown = readFileSync(join(folder, name), 'utf8');
    const heading = /^# ([A-Z][A-Z0-9_]*): (.+)$/m.exec(markdown);
    if (heading?.[1] === undefined || heading[2] === undefined)
      throw new Error(`${name} does not begin with # CODE: title`);
    return { slug: name.slice(0, -'.md'.length), code: heading[1], title: heading[2], markdown };
  });
}
