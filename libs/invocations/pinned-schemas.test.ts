import { describe, expect, it } from 'vitest';
import type { ServiceStore } from '#services';
import { PinnedSchemas } from './pinned-schemas.js';

const PLACES = 16_384;

/** A store that answers everything with one schema and notes what it was asked. */
function storeThatNotes(): { store: ServiceStore; asked: bigint[] } {
  const asked: bigint[] = [];
  const outputSchemaOf = (id: bigint): Promise<object> => {
    asked.push(id);
    return Promise.resolve({ outputSchema: { title: 'from the database' } });
  };
  return { store: { outputSchemaOf } as unknown as ServiceStore, asked };
}

describe('pinned output schemas', () => {
  it('are known without a look for an invocation that was opened here, and only to its provider', async () => {
    const { store, asked } = storeThatNotes();
    const pinned = new PinnedSchemas(store);
    pinned.remember(7n, { agentId: 2n, outputSchema: { title: 'pinned' } });

    expect((await pinned.of(7n, 2n))?.outputSchema).toEqual({ title: 'pinned' });
    expect(await pinned.of(7n, 3n)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('are looked up for any other invocation, also for one that was forgotten to make room', async () => {
    const { store, asked } = storeThatNotes();
    const pinned = new PinnedSchemas(store);
    for (let id = 1n; id <= PLACES + 1; id += 1n) pinned.remember(id, { agentId: 2n, outputSchema: null });

    expect((await pinned.of(1n, 2n))?.outputSchema).toEqual({ title: 'from the database' });
    expect((await pinned.of(0n, 2n))?.outputSchema).toEqual({ title: 'from the database' });
    expect((await pinned.of(2n ** 40n + 2n, 2n))?.outputSchema).toEqual({ title: 'from the database' });
    expect((await pinned.of(2n, 2n))?.outputSchema).toBeNull();
    expect((await pinned.of(BigInt(PLACES) + 1n, 2n))?.outputSchema).toBeNull();
    expect(asked).toEqual([1n, 0n, 2n ** 40n + 2n]);
  });
});
