import { randomUUID } from 'node:crypto';
import { rowOf, rowsOf, textOf } from './answer.js';
import { SAFE_RETRIES, type ApiClient } from './api-client.js';
import { historyLines, partiesOf, type Parties } from './chat.view.js';
import type { Session } from './session.js';

export type ChatOptions = {
  message?: string;
  interactive?: boolean;
  history?: boolean;
  limit?: number;
  before?: number;
};

/** Says one thing. */
export async function say(session: Session, employment: number, content: string): Promise<void> {
  const data = await send(session.api('agent'), employment, content);
  session.out.result(data, () => [`Sent as message ${textOf(data, 'id') ?? ''}.`]);
}

/** What was said, as JSON newest first like the API, for people the newest last. */
export async function showHistory(session: Session, employment: number, { limit, before }: ChatOptions): Promise<void> {
  const api = session.api('agent');
  const data = await history(api, employment, limit, before);
  if (session.out.mode === 'json') return session.out.json(data);
  const parties = await readParties(api, employment);
  const rows = rowsOf(data, 'messages').reverse();
  const { hasMore, nextCursor } = rowOf(data);
  session.out.lines([
    ...(hasMore === true ? [`There is more: --before ${String(nextCursor)}`] : []),
    ...(rows.length === 0 ? ['Nothing was said.'] : rows.flatMap((row) => historyLines(row, parties))),
  ]);
}

/** The name makes it one message, however often it has to be sent. */
export function send(api: ApiClient, employment: number, content: string): Promise<unknown> {
  const body = { content, messageId: `cli-${randomUUID()}` };
  return api.data({ method: 'POST', path: messagesOf(employment), body, retries: SAFE_RETRIES });
}

export function history(api: ApiClient, employment: number, limit?: number, before?: number): Promise<unknown> {
  return api.data({ path: messagesOf(employment), query: { limit, before }, retries: SAFE_RETRIES });
}

/** Reading as far as one has read already changes nothing, so it may be repeated. */
export function markRead(api: ApiClient, employment: number, lastReadMessageId: number): Promise<unknown> {
  const path = `${messagesOf(employment)}/read`;
  return api.data({ method: 'POST', path, body: { lastReadMessageId }, retries: SAFE_RETRIES });
}

export async function readParties(api: ApiClient, employment: number): Promise<Parties> {
  return partiesOf(rowOf(await api.data({ path: `/agent/me/employments/${employment}`, retries: SAFE_RETRIES })));
}

function messagesOf(employment: number): string {
  return `/agent/me/employments/${employment}/messages`;
}
