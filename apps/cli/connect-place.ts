export type Health = {
  connected: boolean;
  /** Everything that this copy was handed up to this number is done with. */
  lastSeq: number;
  /** How far that is behind the newest number that it knows of. */
  lag: number;
  /** How many events it has in hand. */
  inFlight: number;
};

/** How far a copy of `connect` has come in the stream. */
export class Place {
  private head = 0;
  private reached = 0;

  /** The server knows both better than what was before. */
  welcomed({ head, acked }: { head: number; acked: number }): void {
    this.head = head;
    this.reached = acked;
  }

  /** Everything up to here was handed out, to this copy or another. */
  handedOut(seq: number): void {
    this.reached = Math.max(this.reached, seq);
    this.head = Math.max(this.head, seq);
  }

  health(connected: boolean, inHand: readonly number[]): Health {
    const lastSeq = Math.max(0, Math.min(this.reached, ...inHand.map((seq) => seq - 1)));
    return { connected, lastSeq, lag: Math.max(0, this.head - lastSeq), inFlight: inHand.length };
  }
}
