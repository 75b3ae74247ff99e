import { Injectable } from '@nestjs/common';
import { Database } from '#platform';
import type { Metadata } from './chat.js';

/** Something said, on its way into the log. */
export type Sending = {
  employmentId: bigint;
  senderAgentId: bigint;
  keyId: bigint;
  messageId: string | undefined;
  type: string;
  content: string;
  /** JSON. */
  metadata: string | undefined;
};

export type SendVerdict = {
  verdict: 'sent' | 'replay' | 'name_reused' | 'key_ended' | 'not_found' | 'frozen' | 'pending' | 'ended' | 'too_many';
  id: bigint | null;
  receiverAgentId: bigint | null;
  messageId: string | null;
  createdAt: Date | null;
  retryAfterS: number | null;
};

export type Reading = {
  employmentId: bigint;
  readerAgentId: bigint;
  keyId: bigint;
  id: bigint | undefined;
  messageId: string | undefined;
};

export type ReadVerdict = {
  verdict: 'read' | 'key_ended' | 'not_found' | 'no_message';
  hasMoved: boolean;
  partnerAgentId: bigint | null;
  upToId: bigint | null;
  unread: number | null;
};

export type MessageRow = {
  id: bigint;
  employmentId: bigint;
  senderAgentId: bigint;
  receiverAgentId: bigint;
  type: string;
  content: string;
  messageId: string;
  metadata: Metadata | null;
  createdAt: Date;
  readAt: Date | null;
};

const NEWER_THAN_ALL = 9_223_372_036_854_775_807n;

/** Messages: read here, written by the functions of prisma/functions/62_chat.sql, one call a write. */
@Injectable()
export class ChatStore {
  constructor(private readonly database: Database) {}

  async send(message: Sending, perMinute: number): Promise<SendVerdict> {
    return only(
      await this.database.query<SendVerdict>(
        `select verdict, id, receiver_agent_id as "receiverAgentId", message_id as "messageId", created_at as "createdAt",
          retry_after_s as "retryAfterS"
        from market.chat_send($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          message.employmentId,
          message.senderAgentId,
          message.keyId,
          message.messageId,
          message.type,
          message.content,
          message.metadata,
          perMinute,
        ],
        'chat-send',
      ),
    );
  }

  async read({ employmentId, readerAgentId, keyId, id, messageId }: Reading, countMax: number): Promise<ReadVerdict> {
    return only(
      await this.database.query<ReadVerdict>(
        `select verdict, has_moved as "hasMoved", partner_agent_id as "partnerAgentId", up_to_id as "upToId", unread
        from market.chat_read($1, $2, $3, $4, $5, $6)`,
        [employmentId, readerAgentId, keyId, id, messageId, countMax],
        'chat-read',
      ),
    );
  }

  /** Which side of the employment the agent has; undefined for neither. */
  async sideOf(agentId: bigint, employmentId: bigint): Promise<'employer' | 'employee' | undefined> {
    const [found] = await this.database.query<{ isEmployer: boolean }>(
      `select m.employer_agent_id = $2 as "isEmployer"
      from market.employment m
      where m.id = $1 and $2 in (m.employer_agent_id, m.employee_agent_id)`,
      [employmentId, agentId],
      'chat-side',
    );
    if (found === undefined) return undefined;
    return found.isEmployer ? 'employer' : 'employee';
  }

  /** What both have said, newest first; those with a lower number than `before`. */
  async page(employmentId: bigint, before: bigint | undefined, limit: number): Promise<MessageRow[]> {
    return this.database.query<MessageRow>(
      `select c.id, c.employment_id as "employmentId", c.sender_agent_id as "senderAgentId", c.receiver_agent_id as "receiverAgentId",
        c.type, c.content, c.message_id as "messageId", c.metadata, c.created_at as "createdAt",
        (
          select r.read_at
          from market.chat_reading r
          where r.employment_id = c.employment_id and r.reader_agent_id = c.receiver_agent_id and r.up_to_id >= c.id
          order by r.up_to_id
          limit 1
        ) as "readAt"
      from market.chat_message c
      where c.employment_id = $1 and c.id < $2
      order by c.id desc
      limit $3`,
      [employmentId, before ?? NEWER_THAN_ALL, limit],
      'chat-page',
    );
  }
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('the statement returned no row');
  return row;
}
