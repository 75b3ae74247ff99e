/** What the process of the bare loop can be asked. */
export type UndiciTalk = {
  /** Posts so many bytes on so many connections, each as soon as the one before is answered. */
  run: {
    order: { url: string; connections: number; bytes: number; warmUpMs: number; measureMs: number };
    answer: { perSecond: number; failures: number };
  };
};
