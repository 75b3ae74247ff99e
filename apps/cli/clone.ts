import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export type DevEntry = { id: number; name: string; key: string; kind: 'owner' | 'agent' };
export type DevFile = { path: string; endpoint: string; entries: DevEntry[] };

/** The folder of the clone this command runs from, whether compiled or not. */
export function cloneFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(cloneFolder(), 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0';
}

/** The demo's keys that `npm start` wrote, if there are any; a file that cannot be used counts as none. */
export function readDevFile(env: Readonly<Record<string, string | undefined>>): DevFile | undefined {
  const path = join(resolve(cloneFolder(), env['C4C_HOME']?.trim() || '.c4c'), 'dev.json');
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null || !('endpoint' in value)) return undefined;
    const entries = [...entriesOf(value, 'agents', 'agent'), ...entriesOf(value, 'owners', 'owner')];
    return { path, endpoint: String(value.endpoint), entries };
  } catch {
    return undefined;
  }
}

function entriesOf(value: object, list: string, kind: DevEntry['kind']): DevEntry[] {
  const entries: unknown = Reflect.get(value, list);
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { id, name, key } = entry as Record<string, unknown>;
    return typeof name === 'string' && typeof key === 'string' ? [{ id: Number(id), name, key, kind }] : [];
  });
}
