import type { Json, JsonObject } from '#kernel';

// The modules that a thread loads take only types from other libs: see schema-thread.ts.

/** True for what JSON calls an object: not null, not a list. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that two values share exactly when JSON Schema calls them equal. */
export function equalityKey(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(equalityKey).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${equalityKey(member)}`).join(',')}}`;
}
