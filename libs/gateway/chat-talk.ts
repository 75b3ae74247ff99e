import { Injectable } from '@nestjs/common';
import { Chat, readView, type ChatFrame } from '#chat';
import { assertNever } from '#kernel';
import { requireAllowed } from '#owners';
import { RateLimits, type RateNote } from '#platform';
import { gatewayProblems } from './gateway.problems.js';
import type { LiveSocket } from './live-socket.js';

/** So many frames of a socket may wait for their turn. */
const WAITING_MAX = 64;

type Queue = { last: Promise<unknown>; waiting: number };

/** The chat over sockets of both protocols. What one socket says is taken one after the other, so it is read as it was said. */
@Injectable()
export class ChatTalk {
  private readonly queues = new WeakMap<LiveSocket, Queue>();

  constructor(
    private readonly chat: Chat,
    private readonly limits: RateLimits,
  ) {}

  /** The same as the request: the same checks, the same limits, the same answer to a repetition.
   *  @throws {Problem} FRAME_RATE_EXCEEDED (too many wait), and what the requests throw */
  async take(socket: LiveSocket, frame: ChatFrame): Promise<object> {
    const queue = this.queues.get(socket) ?? { last: Promise.resolve(), waiting: 0 };
    this.queues.set(socket, queue);
    if (queue.waiting >= WAITING_MAX)
      throw gatewayProblems.FRAME_RATE_EXCEEDED(`At most ${WAITING_MAX} frames of the chat wait for their turn`);
    queue.waiting += 1;
    const done = queue.last.then(() => this.act(socket, frame));
    // The next one has its turn whatever becomes of this one.
    queue.last = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      queue.waiting -= 1;
    }
  }

  private async act({ owner }: LiveSocket, frame: ChatFrame): Promise<object> {
    const note: RateNote = { rateFields: null };
    this.limits.admit(owner.keyId, owner.ownerId, note);
    switch (frame.type) {
      case 'message': {
        const { id, employmentId, messageId, createdAt, isReplay } = await this.chat.send(
          owner,
          frame.employmentId,
          frame.wish,
        );
        // What it says the sender knows.
        return { id: Number(id), employmentId: Number(employmentId), messageId, createdAt, replayed: isReplay };
      }
      case 'read':
        requireAllowed(owner, 'read');
        return readView(await this.chat.read(owner, frame.employmentId, frame.last));
      default:
        return assertNever(frame);
    }
  }
}
