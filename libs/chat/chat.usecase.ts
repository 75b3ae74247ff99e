import { Injectable } from '@nestjs/common';
import { assertNever } from '#kernel';
import { employmentProblems } from '#employments';
import { ownerProblems, requireAllowed, unauthenticated, type AgentPrincipal } from '#owners';
import { Bus, isLockTimeout, notFound } from '#platform';
import { overloaded } from '#services';
import { metadataJson, PER_MINUTE, targetOf, UNREAD_MAX, type Wish } from './chat.js';
import { chatProblems } from './chat.problems.js';
import { ChatStore, type MessageRow, type SendVerdict } from './chat.store.js';

/** What the first answer to a message says; the same message again says the same. */
export type Sent = Omit<MessageRow, 'readAt'> & { isReplay: boolean };

export type HasRead = { unreadCount: number; lastReadMessageId: bigint };

/** What the parties of an employment say to each other, whichever way it comes. */
@Injectable()
export class Chat {
  constructor(
    private readonly store: ChatStore,
    private readonly bus: Bus,
  ) {}

  /** An employer's key needs `invoke` and an employee's `provide`, as for ending the employment.
   *  @throws {Problem} NOT_FOUND, SCOPE_MISSING, AGENT_FROZEN, EMPLOYMENT_STATE (an offer), EMPLOYMENT_ENDED, MESSAGE_ID_REUSED,
   *  MESSAGE_LIMIT, UNAUTHENTICATED (the key has ended meanwhile), OVERLOADED */
  async send(sender: AgentPrincipal, employmentId: bigint, wish: Wish): Promise<Sent> {
    const side = await this.store.sideOf(sender.agentId, employmentId);
    if (side === undefined) throw notFound();
    requireAllowed(sender, side === 'employer' ? 'invoke' : 'provide');
    const { messageId, type, content, metadata } = wish;
    const sending = {
      employmentId,
      senderAgentId: sender.agentId,
      keyId: sender.keyId,
      messageId,
      type,
      content,
      metadata: metadataJson(metadata),
    };
    return this.sent(sender.agentId, employmentId, wish, await this.store.send(sending, PER_MINUTE).catch(busy));
  }

  /** The place moves forward only; whoever says what it has said before gets the same count.
   *  @throws {Problem} NOT_FOUND (no such employment, or no such message in it), UNAUTHENTICATED, OVERLOADED */
  async read({ agentId, keyId }: AgentPrincipal, employmentId: bigint, last: bigint | string): Promise<HasRead> {
    const reading = { employmentId, readerAgentId: agentId, keyId, ...targetOf(last) };
    const { verdict, hasMoved, partnerAgentId, upToId, unread } = await this.store
      .read(reading, UNREAD_MAX)
      .catch(busy);
    switch (verdict) {
      case 'read':
        if (hasMoved) this.hint(partnerAgentId);
        return { unreadCount: unread ?? 0, lastReadMessageId: upToId ?? 0n };
      case 'key_ended':
        throw unauthenticated('agent');
      case 'not_found':
      case 'no_message':
        throw notFound();
      default:
        return assertNever(verdict);
    }
  }

  /** A page of the history, newest first, for both parties at any time.
   *  @throws {Problem} NOT_FOUND */
  async page(
    agentId: bigint,
    employmentId: bigint,
    before: bigint | undefined,
    limit: number,
  ): Promise<{ messages: MessageRow[]; hasMore: boolean }> {
    if ((await this.store.sideOf(agentId, employmentId)) === undefined) throw notFound();
    const found = await this.store.page(employmentId, before, limit + 1);
    return { messages: found.slice(0, limit), hasMore: found.length > limit };
  }

  private sent(senderAgentId: bigint, employmentId: bigint, wish: Wish, result: SendVerdict): Sent {
    const { verdict, id, receiverAgentId, messageId, createdAt, retryAfterS } = result;
    switch (verdict) {
      case 'sent':
      case 'replay': {
        if (id === null || receiverAgentId === null || messageId === null || createdAt === null)
          throw new Error('a message was sent and is not there');
        if (verdict === 'sent') this.hint(receiverAgentId);
        const { type, content, metadata = null } = wish;
        const said = {
          id,
          employmentId,
          senderAgentId,
          receiverAgentId,
          type,
          content,
          messageId,
          metadata,
          createdAt,
        };
        return { ...said, isReplay: verdict === 'replay' };
      }
      case 'name_reused':
        throw chatProblems.MESSAGE_ID_REUSED(
          `This agent has sent another message with the messageId "${wish.messageId ?? ''}"; give each its own`,
        );
      case 'key_ended':
        throw unauthenticated('agent');
      case 'not_found':
        throw notFound();
      case 'frozen':
        throw ownerProblems.AGENT_FROZEN('The owner has frozen this agent: it says nothing until it is unfrozen');
      case 'pending':
        throw employmentProblems.EMPLOYMENT_STATE(
          `Employment ${employmentId} is an offer; its parties can talk when it is accepted`,
        );
      case 'ended':
        throw employmentProblems.EMPLOYMENT_ENDED(
          `Employment ${employmentId} has ended; what was said can be read, and nothing can be added`,
        );
      case 'too_many':
        throw chatProblems.MESSAGE_LIMIT(`An agent says at most ${PER_MINUTE} things a minute in one employment`, {
          retryAfterS: retryAfterS ?? 1,
        });
      default:
        return assertNever(verdict);
    }
  }

  /** After the commit: whoever misses it finds the event by looking. */
  private hint(agentId: bigint | null): void {
    if (agentId !== null) this.bus.publish('agent-event', { agentId: String(agentId) });
  }
}

/** The employment's row is locked by whoever ends it, or by many who talk at once. */
function busy(error: unknown): never {
  throw isLockTimeout(error) ? overloaded(error) : error;
}
