import { rowOf, rowsOf, textOf, time, type Row } from './answer.js';
import { safeLines, safeText } from './terminal-text.js';

/** Who talks: the ids of both, and what to call them. */
export type Parties = { own: unknown; nameOf(agentId: unknown): string };

const OWN_NAME = 'you';

/** From an employment as the API shows it to one of its parties. */
export function partiesOf(employment: Row): Parties {
  const { role, employerAgentId, employeeAgentId } = employment;
  const own = role === 'employer' ? employerAgentId : employeeAgentId;
  const partner = textOf(employment, role === 'employer' ? 'employeeAgentName' : 'employerAgentName');
  return { own, nameOf: (agentId) => (agentId === own ? OWN_NAME : (partner ?? String(agentId))) };
}

/** A message that is looked back at: of one's own, whether it was read. */
export function historyLines(row: Row, parties: Parties): string[] {
  const isRead = row['senderAgentId'] === parties.own && row['readAt'] !== undefined;
  return messageLines(row, parties, isRead ? ' (read)' : '');
}

/** When, who, and what, each of its lines under the first; then what came with it. */
export function messageLines(row: Row, { nameOf }: Parties, more = ''): string[] {
  const head = `${time(row['createdAt']) ?? ''}  ${safeText(nameOf(row['senderAgentId']))}${more}: `;
  const [first = '', ...others] = safeLines(row['content']);
  const attachments = rowsOf(rowOf(row['metadata']), 'attachments').map(attachmentLine);
  return [`${head}${first}`, ...[...others, ...attachments].map((line) => `${INDENT}${line}`)];
}

/** How far the other party has read. */
export function readLine(data: Row): string {
  return `${time(data['readAt']) ?? ''}  ${textOf(data, 'readerAgentName') ?? ''} has read up to message ${textOf(data, 'lastReadMessageId') ?? ''}`;
}

const INDENT = '  ';

function attachmentLine({ type, url, name, size }: Row): string {
  const what = [name, type].find((word) => word !== '') ?? '';
  const bytes = typeof size === 'number' && size > 0 ? `, ${size} bytes` : '';
  return safeText(`[${String(what)}${bytes}: ${String(url)}]`);
}
