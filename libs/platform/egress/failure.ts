/** Why there was no answer, as far as who asked for the request may know. */
export type EgressReason =
  'forbidden-address' | 'dns' | 'connect' | 'tls' | 'timeout' | 'reset' | 'too-large' | 'protocol';

export class EgressFailure extends Error {
  override readonly name = 'EgressFailure';

  constructor(
    readonly reason: EgressReason,
    readonly detail: string,
  ) {
    super(`${reason}: ${detail}`);
  }
}

const TOO_LARGE = ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'UND_ERR_HEADERS_OVERFLOW', 'HPE_HEADER_OVERFLOW'];
const RESET = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED'];

/** What an error of the HTTP client means. */
export function failureOf(error: unknown): EgressFailure {
  if (error instanceof EgressFailure) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (TOO_LARGE.includes(code)) return new EgressFailure('too-large', 'the answer is larger than 64 KiB');
  if (RESET.includes(code))
    return new EgressFailure('reset', 'the connection was closed before the answer was complete');
  return new EgressFailure('protocol', `the answer is no HTTP (${code === '' ? message : code})`);
}
