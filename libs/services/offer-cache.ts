import { Injectable } from '@nestjs/common';
import { countLookUps, Metrics } from '#platform';
import { ServiceStore, type Offer } from './service.store.js';

const ENTRIES_MAX = 10_000;

/**
 * What services offer, kept in memory. The opening call checks the version again, so a copy that is out of date costs
 * another look and never a wrong price.
 */
@Injectable()
export class OfferCache {
  private readonly entries = new Map<bigint, Promise<Offer | undefined>>();

  private hits = 0;
  private misses = 0;

  constructor(
    private readonly store: ServiceStore,
    metrics: Metrics,
  ) {
    countLookUps(metrics, 'offers', { hits: () => this.hits, misses: () => this.misses });
  }

  get(id: bigint): Promise<Offer | undefined> {
    const known = this.entries.get(id);
    if (known === undefined) this.misses += 1;
    else this.hits += 1;
    return known ?? this.load(id);
  }

  /** The offer as it is now, for when the copy turned out to be old. */
  async refresh(id: bigint): Promise<Offer | undefined> {
    this.entries.delete(id);
    return this.load(id);
  }

  private load(id: bigint): Promise<Offer | undefined> {
    const loading = this.store.offer(id);
    this.entries.set(id, loading);
    const forget = (): void => {
      if (this.entries.get(id) === loading) this.entries.delete(id);
    };
    // What does not exist is not remembered: it may come into being, and strangers could fill the memory with it.
    loading.then((offer) => (offer === undefined ? forget() : undefined), forget);
    if (this.entries.size > ENTRIES_MAX) {
      const [oldest] = this.entries.keys();
      if (oldest !== undefined) this.entries.delete(oldest);
    }
    return loading;
  }
}
