/** What the process of the socket clients can be asked. */
export type CrowdTalk = {
  /** So many sockets for each key, so many new ones a second; answers when all of them are open and, with `c4c.v1`, caught up. */
  open: { order: CrowdPlan; answer: { tookMs: number } };
  /** Forgets what was measured so far. */
  reset: { order: null; answer: null };
  figures: { order: null; answer: CrowdFigures };
  /** Each `service_invoked` that came since then. */
  receipts: { order: null; answer: Receipt[] };
  /** Hangs up everywhere at once; each client comes back as `c4c connect` does. Answers when all are caught up, or their time is over. */
  drop: { order: { withinMs: number }; answer: StormFigures };
  /** Compares what each client made of its stream with how many events that has, once nothing more comes. */
  check: { order: { heads: number[]; withinMs: number }; answer: Checked };
};

export type CrowdPlan = {
  url: string;
  keys: string[];
  socketsPerKey: number;
  perSecond: number;
  /** Where a client of `c4c.v1` begins; undefined: the plain protocol, which knows no places. */
  after: number | undefined;
};

/** When a client had an event, on the machine's clock. */
export type Receipt = { eventId: string; atMs: number; sinceEventMs: number };

export type CrowdFigures = {
  open: number;
  /** Sockets that ended although nobody dropped them. */
  ended: number;
  firstEnd: string | undefined;
  frames: number;
  /** From the event's time to the arrival of `service_invoked`. */
  p50Ms: number;
  p99Ms: number;
  mostMs: number;
};

export type StormFigures = {
  dropped: number;
  back: number;
  /** When the last one was caught up, and when the middle one was. */
  lastMs: number;
  middleMs: number;
  refused: number;
};

export type Checked = {
  /** Events that their client never made anything of. */
  lost: number;
  /** Events of which a client that drops known ids made something twice. */
  doubled: number;
  /** What came more than once and was dropped by its id. */
  repeated: number;
  events: number;
};
