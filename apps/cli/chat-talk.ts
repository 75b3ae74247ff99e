import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline';
import { rowOf, rowsOf, textOf, type Row } from './answer.js';
import { SAFE_RETRIES, type ApiClient } from './api-client.js';
import { history, markRead, readParties, send } from './chat.js';
import { historyLines, messageLines, readLine, type Parties } from './chat.view.js';
import { ApiError, CliError, reasonOf } from './cli-error.js';
import { version } from './clone.js';
import { Channel } from './connect-channel.js';
import { connectLog, type Log } from './connect-log.js';
import { WINDOW, type ServerFrame } from './connect-protocol.js';
import { headOf } from './events-tail.js';
import { EXIT } from './exit-codes.js';
import type { Session } from './session.js';

const HISTORY_LIMIT = 20;
const TYPES = ['chat.message', 'chat.read', 'employment.terminated', 'employment.completed'];
/** What the log of a connection says that somebody who talks wants to know. */
const SHOWN: readonly string[] = ['connected', 'disconnected', 'draining', 'gap'];
/** Refusals after which nothing can be said any more, whatever it is. */
const FINAL: readonly number[] = [401, 403, 404, 409];

/** Shows what was said, then what is being said, and says each line of standard input, until its end or a signal.
 *  @throws {CliError} what a request throws; authentication, when the key is refused or revoked meanwhile */
export async function talk(session: Session, employment: number, limit = HISTORY_LIMIT): Promise<void> {
  const api = session.api('agent');
  const parties = await readParties(api, employment);
  // The event log is taken up from before what is shown of the past, so nothing falls between the two.
  const head = await headOf(api);
  const past = rowsOf(await history(api, employment, limit), 'messages').reverse();
  const conversation = new Conversation({ session, api, employment, parties, head, consumer: await freeName(api) });
  for (const row of past) conversation.showPast(row);
  await conversation.run();
}

type Parts = {
  session: Session;
  api: ApiClient;
  employment: number;
  parties: Parties;
  head: number;
  consumer: string;
};

/** One run of the command: what comes over the socket, and what is typed. */
class Conversation {
  private readonly channel: Channel;
  private readonly terminal: Interface;
  /** There is somebody who types, and may try again. */
  private readonly isTyped = process.stdin.isTTY === true;
  private readonly hasPrompt: boolean;
  private readonly log: Log;
  private wasWelcome = false;
  private lastId = 0;
  private unmarkedId = 0;
  private marking: Promise<void> | undefined;

  constructor(private readonly parts: Parts) {
    const { session, consumer, head } = parts;
    const log = connectLog(session.out);
    this.log = (event, facts) => {
      if (!SHOWN.includes(event)) return;
      this.clear();
      log(event, facts);
    };
    this.hasPrompt = this.isTyped && process.stdout.isTTY === true && session.out.mode === 'text';
    const { stdin: input, stdout: output } = process;
    this.terminal = createInterface({ input, ...(this.hasPrompt ? { output } : {}), terminal: this.hasPrompt });
    this.channel = new Channel({
      endpoint: session.settings.endpoint.value,
      key: session.key('agent'),
      userAgent: `c4c/${version()}`,
      log: this.log,
      // Once it was welcome it goes on where it was.
      hello: () => ({
        type: 'hello',
        v: 1,
        consumer,
        window: WINDOW,
        types: TYPES,
        ...(this.wasWelcome ? {} : { after: head }),
      }),
      welcomed: () => {
        this.wasWelcome = true;
        this.log('connected', { endpoint: session.settings.endpoint.value });
        this.prompt();
      },
      onFrame: (frame) => this.take(frame),
    });
  }

  showPast(row: Row): void {
    this.show('message', row, historyLines(row, this.parts.parties));
    this.noteMessage(row);
  }

  /** @throws {CliError} why it cannot go on */
  async run(): Promise<void> {
    const signalled = this.untilSignal();
    const connected = this.channel.run();
    // What comes of it after the end is nobody's concern any more.
    connected.catch(() => undefined);
    try {
      await Promise.race([this.sayAll(), connected, signalled]);
      await this.marking;
    } finally {
      this.clear();
      this.terminal.close();
      process.stdin.destroy();
      await this.channel.stop(Promise.resolve());
    }
  }

  /** Each line in its turn; what is refused for itself can be typed anew, a program's line cannot. */
  private async sayAll(): Promise<void> {
    const { session, api, employment } = this.parts;
    this.prompt();
    for await (const line of this.terminal) {
      if (line.trim() === '') {
        this.prompt();
        continue;
      }
      try {
        const sent = rowOf(await send(api, employment, line));
        if (!this.hasPrompt) this.show('sent', sent, messageLines(sent, this.parts.parties));
      } catch (error) {
        if (!this.isTyped || !(error instanceof CliError) || isFinal(error)) throw error;
        session.out.error(error);
      }
      this.prompt();
    }
  }

  private take(frame: ServerFrame): void {
    if (frame.type === 'gap') this.log('gap', { from: frame.from, to: frame.to });
    if (frame.type !== 'event') return;
    const { seq, attempt } = frame;
    this.channel.send({ type: 'ack', seq, attempt });
    const data = rowOf(frame.frame['data']);
    if (data['employmentId'] !== this.parts.employment) return;
    const type = textOf(frame.frame, 'eventType');
    if (type === 'chat.read') this.show('read', data, [readLine(data)]);
    else if (type !== 'chat.message') this.show('ended', data, ['The employment has ended; nothing more can be said.']);
    else if (Number(data['id']) > this.lastId) {
      this.show('message', data, messageLines(data, this.parts.parties));
      this.noteMessage(data);
    }
    this.prompt();
  }

  private show(event: string, data: Row, lines: readonly string[]): void {
    const { out } = this.parts.session;
    if (out.mode === 'json') return out.jsonLine({ event, ...data });
    this.clear();
    out.lines(lines);
  }

  /** What is being typed makes room, and comes back with the next prompt. */
  private clear(): void {
    if (!this.hasPrompt) return;
    clearLine(process.stdout, 0);
    cursorTo(process.stdout, 0);
  }

  private prompt(): void {
    if (this.hasPrompt) this.terminal.prompt(true);
  }

  /** It has been shown: not again, and its sender hears that it was read. */
  private noteMessage({ id, senderAgentId }: Row): void {
    this.lastId = Math.max(this.lastId, Number(id));
    if (senderAgentId === this.parts.parties.own) return;
    this.unmarkedId = Math.max(this.unmarkedId, Number(id));
    this.marking ??= this.mark().finally(() => (this.marking = undefined));
  }

  /** One request at a time, for all that has been shown by then. */
  private async mark(): Promise<void> {
    const { session, api, employment } = this.parts;
    for (let marked = 0; marked < this.unmarkedId;) {
      marked = this.unmarkedId;
      await markRead(api, employment, marked).catch((error: unknown) =>
        session.out.note(`The sender was not told that it is read: ${reasonOf(error)}`),
      );
    }
  }

  /** Ctrl-C ends it in order, a second one at once. */
  private untilSignal(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(EXIT.ok));
        resolve();
      };
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
      // A terminal in raw mode sends no signal.
      this.terminal.once('SIGINT', end);
    });
  }
}

function isFinal(error: CliError): boolean {
  return error instanceof ApiError && FINAL.includes(error.status);
}

/** A name for the socket that none of the agent's others has: with a common one each would get a part of what is said. */
async function freeName(api: ApiClient): Promise<string> {
  const known = rowsOf(await api.data({ path: '/agent/me/consumers', retries: SAFE_RETRIES }), 'consumers');
  const taken = new Set(
    known.filter(({ sockets }) => sockets !== 0).map((row) => textOf(row, 'name')?.replace(/^~/, '')),
  );
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? 'chat' : `chat.${n}`;
    if (!taken.has(name)) return name;
  }
}
