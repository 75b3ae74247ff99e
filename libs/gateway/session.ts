import { randomUUID } from 'node:crypto';
import type { EventForm } from '#events';
import type { SessionName } from './consumer.store.js';
import { ConsumerWindow } from './consumer-window.js';
import type { LiveSocket } from './live-socket.js';
import { caughtUpFrame } from './v1-frames.js';

/** A socket of `c4c.v1` that has said hello. */
export class Session implements SessionName {
  readonly session = randomUUID();
  readonly agentId: bigint;
  isPaused = false;
  /** It asked for types of events among which is work. */
  isForWork = true;
  /** What it acknowledges still counts, but it gets nothing more. */
  isLeaving = false;
  /** A taking ended in an error: it may hold events in the database that never went out. */
  isUnsure = false;
  /** The stream's head when it said hello. */
  head = 0n;
  readonly window: ConsumerWindow;
  private isCaughtUp = false;
  private onSettled: (() => void) | undefined;

  constructor(
    readonly socket: LiveSocket,
    readonly consumer: string,
    windowMax: number,
  ) {
    this.agentId = socket.owner.agentId;
    this.window = new ConsumerWindow(windowMax);
  }

  /** A key that may not read could not get elsewhere what a thin event leaves out. */
  get form(): EventForm {
    return this.socket.owner.scopes.includes('read') ? 'thin' : 'whole';
  }

  /** What was taken for it can still go out. It may have paused since. */
  get canBeHanded(): boolean {
    return !this.isPaused && !this.isLeaving && this.socket.isOpen && !this.socket.isBlocked;
  }

  /** More may be handed to it. What its peer does not read calls again when it has been read. */
  get canTake(): boolean {
    if (this.isPaused || this.isLeaving || !this.socket.isOpen || this.window.room === 0) return false;
    if (this.socket.isBlocked) this.socket.starve();
    return !this.socket.isBlocked;
  }

  /** Resolves when it holds nothing any more, or its time is over. */
  async settledWithin(ms: number): Promise<void> {
    this.isLeaving = true;
    if (this.window.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Its consumer has been handed all up to here, whichever of its sockets got it. It is told once. */
  caughtUpWith(seq: bigint): void {
    if (this.isCaughtUp || seq < this.head) return;
    this.isCaughtUp = true;
    this.socket.send(caughtUpFrame(seq));
  }

  /** To be called when something has left the window, or the socket has ended. */
  released(): void {
    if (this.window.size === 0 || !this.socket.isOpen) this.onSettled?.();
  }
}

/** The sessions of one consumer in this process, the next in turn first. */
export type Group = { sessions: Session[]; takenSeq: bigint; isTaking: boolean; isWanted: boolean; isFull: boolean };
