import type { KeyRecord } from './keys.store.js';
import type { ShownKey } from './owners.usecase.js';

/** A key as answers show it, without its text. */
export function keyView(key: KeyRecord): object {
  return {
    id: Number(key.id),
    name: key.name,
    hint: key.hint,
    ...(key.kind === 'agent' ? { scopes: key.scopes } : {}),
    createdAt: key.createdAt,
    ...(key.expiresAt === null ? {} : { expiresAt: key.expiresAt }),
    ...(key.lastUsedAt === null ? {} : { lastUsedAt: key.lastUsedAt }),
    ...(key.revokedAt === null ? {} : { revokedAt: key.revokedAt }),
  };
}

/** The one answer that carries the key's text. */
export function shownKeyView(shown: ShownKey): object {
  return { ...keyView(shown), key: shown.key };
}
