import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The folder that holds openapi.yaml, docs/ and prisma/: the nearest one above this file, which lies two folders below it
 * in the sources and three below it in dist/.
 */
export function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'openapi.yaml'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`There is no openapi.yaml above ${import.meta.dirname}`);
    folder = parent;
  }
  return folder;
}
