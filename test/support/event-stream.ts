import { request, type IncomingMessage } from 'node:http';

/** One block of a stream of server-sent events. */
export type Block = { id?: string; event?: string; data?: Record<string, unknown> };

/** A client of a stream of server-sent events, which reads what comes and keeps it. */
export class EventStreamClient {
  readonly blocks: Block[] = [];
  isEnded = false;
  private rest = '';
  private readonly waiting = new Set<() => void>();

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.take(text));
    response.on('error', () => undefined);
    response.on('close', () => {
      this.isEnded = true;
      this.tell();
    });
  }

  static async open(url: string, headers: Record<string, string>): Promise<EventStreamClient> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { headers, agent: false }, resolve).on('error', reject).end();
    });
    return new EventStreamClient(response);
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  /** The numbers of the log's events, in the order in which they came. */
  get seqs(): number[] {
    return this.blocks.flatMap(({ event, data }) =>
      event === undefined && data !== undefined ? [Number(data['seq'])] : [],
    );
  }

  async until(holds: () => boolean, withinMs = 5_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!holds()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw new Error(`not within ${withinMs} ms; came: ${JSON.stringify(this.blocks).slice(0, 2_000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  hangUp(): void {
    this.response.destroy();
  }

  private take(text: string): void {
    const parts = `${this.rest}${text}`.split('\n\n');
    this.rest = parts.pop() ?? '';
    for (const part of parts) {
      const block: Block = {};
      for (const line of part.split('\n')) {
        if (line.startsWith('id: ')) block.id = line.slice(4);
        else if (line.startsWith('event: ')) block.event = line.slice(7);
        else if (line.startsWith('data: ')) block.data = JSON.parse(line.slice(6)) as Record<string, unknown>;
      }
      this.blocks.push(block);
    }
    this.tell();
  }

  private tell(): void {
    for (const resume of this.waiting) resume();
    this.waiting.clear();
  }
}
