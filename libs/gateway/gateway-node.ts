import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ConsumerStore } from './consumer.store.js';

const BEAT_EVERY_MS = 2_000;

/** This process among those that have sockets: it says that it is there, from its first socket on. */
@Injectable()
export class GatewayNode {
  private name: Promise<string> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly losers = new Set<() => void>();

  constructor(private readonly store: ConsumerStore) {}

  /** Its name in the database.
   *  @param onLost called when it was taken for gone: frozen or cut off for long, it has lost what its sessions held
   *  @param onFailure called when it could not say that it is there */
  here(onLost: () => void, onFailure: (error: unknown) => void): Promise<string> {
    this.losers.add(onLost);
    this.timer ??= setInterval(() => {
      this.beat().catch(onFailure);
    }, BEAT_EVERY_MS);
    this.name ??= this.appear();
    return this.name;
  }

  /** The process stops: its sockets are over. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    const name = await this.name?.catch(() => undefined);
    this.name = undefined;
    if (name !== undefined) await this.store.stop(name);
  }

  private async appear(): Promise<string> {
    const name = randomUUID();
    try {
      await this.store.beat(name, true);
    } catch (error) {
      this.name = undefined;
      throw error;
    }
    return name;
  }

  private async beat(): Promise<void> {
    const name = await this.name?.catch(() => undefined);
    if (name === undefined || (await this.store.beat(name, false))) return;
    this.name = undefined;
    for (const onLost of this.losers) onLost();
  }
}
