/** What the process of the receivers of webhooks can be asked. */
export type ReceiverTalk = {
  /** A receiver that answers at once. */
  listen: { order: null; answer: { url: string } };
  /** A receiver that answers its challenge, and from `die` on never again. */
  doomed: { order: null; answer: { url: string } };
  die: { order: { url: string }; answer: null };
  reset: { order: null; answer: null };
  /** Answers when so many requests have come since the reset, or the time is over. */
  until: { order: { hits: number; withinMs: number }; answer: ReceiverFigures };
};

export type ReceiverFigures = {
  hits: number;
  firstAtMs: number;
  lastAtMs: number;
  /** Connections that were open at a time, at most, and had a request. */
  connections: number;
  /** Of a request's body, on average. */
  bytes: number;
  /** From the event's time to the arrival. */
  p50Ms: number;
  p99Ms: number;
};
