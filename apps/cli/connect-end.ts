import { rowOf, textOf } from './answer.js';
import { CliError } from './cli-error.js';
import { retryAfterMs } from './api-client.js';
import { EXIT, exitCodeFor, type ExitCode } from './exit-codes.js';

/** How a connection ended, and what follows from it. */
export type End = {
  reason: string;
  /** Wait so long before coming back, instead of the usual. */
  returnAfterMs?: number;
  /** Wait at least so long, as the server asked. */
  retryAfterMs?: number;
  /** Coming back would bring the same. */
  fatal?: CliError;
  /** A server that was there before and answers like this is being replaced: it is fatal only at first. */
  isFatalAtFirst?: boolean;
};

/** The handshake was answered with a plain HTTP status, and with a body that says why if it was a market that answered. */
export function refusalOf(status: number, headers: Headers, body = ''): End {
  const said = saidIn(body);
  const reason = `the server answered HTTP ${status}${said === undefined ? '' : `: ${said.message}`}`;
  if (status === 401 || status === 403) {
    const message =
      status === 401 ? 'The key is not accepted: it is wrong, revoked or expired.' : 'The key may not connect.';
    const { code, message: why } = said ?? { code: 'UNAUTHENTICATED', message: '' };
    return {
      reason,
      fatal: new CliError(code, why === '' ? message : `${message} ${why}.`, exitCodeFor(status, code)),
    };
  }
  if (status === 429 || status >= 500) {
    const after = retryAfterMs(headers);
    return { reason, ...(after === undefined ? {} : { retryAfterMs: after }) };
  }
  const message = `There is no c4c server at this endpoint: the handshake was answered with HTTP ${status}.`;
  return { reason, fatal: new CliError('BAD_ANSWER', message, EXIT.other), isFatalAtFirst: true };
}

function saidIn(body: string): Said | undefined {
  try {
    const error = rowOf(rowOf(JSON.parse(body))['error']);
    const [code, message] = [textOf(error, 'code'), textOf(error, 'message')];
    return code === undefined || message === undefined ? undefined : { code, message };
  } catch {
    return undefined;
  }
}

/** What the server said last before it closed. */
export type Said = { code: string; message: string };

export const BAD_FRAME = 4501;
/** How a server of plain frames answers a hello. */
export const NOT_SUPPORTED = 'FRAME_NOT_SUPPORTED';

/** 4500 to 4999 mean: do not come back. Everything else is a reason to try again. */
export function closeOf(code: number, text: string, said?: Said): End {
  const reason = said?.message ?? (text === '' ? `closed (${code})` : `${text} (${code})`);
  const fatally = (name: string, message: string, exit: ExitCode): End => ({
    reason,
    fatal: new CliError(name, message, exit),
  });
  if (code < 4500 || code > 4999) return { reason };
  if (code === 4500) return fatally('UNAUTHENTICATED', 'The key is not accepted.', EXIT.authentication);
  if (code === 4503 && text === 'agent frozen') {
    return fatally('AGENT_FROZEN', 'The owner has frozen this agent.', EXIT.conflict);
  }
  if (code === 4503) return fatally('UNAUTHENTICATED', 'The key was revoked.', EXIT.authentication);
  if (code === 4502 || said?.code === NOT_SUPPORTED) return { reason, fatal: otherProtocol(reason) };
  if (code === 4504) return fatally('CLOSED', `The server says: ${reason}.`, EXIT.rateLimit);
  if (said?.code === 'CONSUMER_TYPES') return fatally(said.code, OTHER_TYPES, EXIT.conflict);
  return fatally(
    said?.code ?? 'CLOSED',
    `The server closed the connection for good: ${reason}.`,
    EXIT_OF[said?.code ?? ''] ?? EXIT.other,
  );
}

const OTHER_TYPES =
  'Another copy is connected under this name of a consumer, for other types of events. Give this one the same --types, or a --consumer of its own; --exec alone asks for invocation.invoked only.';

const EXIT_OF: Readonly<Record<string, ExitCode>> = {
  VALIDATION_FAILED: EXIT.usage,
  CONSUMER_LIMIT: EXIT.conflict,
};

/** The server took the connection and not the protocol. */
export function otherProtocol(why: string): CliError {
  const message = `This server does not speak c4c.v1, which \`c4c connect\` needs; it says: ${why}. Use the c4c that came with it, or bring it up to date.`;
  return new CliError('PROTOCOL_VERSION', message, EXIT.conflict);
}
