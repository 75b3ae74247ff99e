import { mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pino, type DestinationStream } from 'pino';

const BYTES_MAX = 32 * 1024 * 1024;

/**
 * A private file of lines that turns over: when it holds so many bytes it is kept as `<path>.1`, in the place of the one before, and a
 * new one begins. Lines are written beside the work that logs them; what waits to be written at the turn goes into the new file, so
 * a file is larger than its bound by no more than that.
 */
export class LogFile implements DestinationStream {
  private readonly out: ReturnType<typeof pino.destination>;
  private bytes: number;
  private isOpening = true;

  constructor(
    private readonly path: string,
    private readonly bytesMax = BYTES_MAX,
  ) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    this.out = pino.destination({ dest: path, sync: false, mode: 0o600 });
    this.out.on('ready', () => (this.isOpening = false));
  }

  write(line: string): void {
    if (this.bytes >= this.bytesMax && !this.isOpening) this.turnOver();
    this.bytes += Buffer.byteLength(line);
    this.out.write(line);
  }

  /** Writes at once what is still on its way, for a process that ends. */
  flush(): void {
    if (!this.isOpening) this.out.flushSync();
  }

  private turnOver(): void {
    // What is being written goes with the old file, and what waits behind it into the new one: no line is lost or passes another.
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // Somebody has taken the file away, and a new one begins; or it cannot be moved, and goes on. No request fails for its log.
    }
    this.bytes = 0;
    this.isOpening = true;
    this.out.reopen();
  }
}
