import { rowOf, textOf } from './answer.js';
import { compareVersions } from './doctor-machine.js';
import { EXIT } from './exit-codes.js';
import { ok, problem, warning, type Diagnosis } from './finding.js';

const ANSWER_WITHIN_MS = 5_000;
const BODY_LENGTH_MAX = 65_536;
/** The header says seconds only, and the answer took its time. */
const SKEW_NOTED_MS = 5_000;
/** Beyond five minutes a signature counts as too old, or as not yet made. */
const SKEW_MAX_MS = 300_000;

/** What the server at the endpoint is like; `isReached` when it makes sense to ask it more. */
export async function endpointDiagnoses(
  endpoint: string,
  version: string,
): Promise<{ diagnoses: Diagnosis[]; isReached: boolean }> {
  try {
    const health = await ask(`${endpoint}/healthz`);
    // A proxy may pass on the API and the socket alone.
    const answer = isEnvelope(health.body) ? health : await ask(`${endpoint}/openapi/v1/market/agents?limit=1`);
    const refused = notC4c(endpoint, answer);
    if (refused !== undefined) return { diagnoses: [refused], isReached: false };
    const theirs = textOf(rowOf(health.body)['data'], 'version');
    return {
      diagnoses: [
        ok('endpoint', `${endpoint} is a c4c server; it answered in ${answer.ms} ms.`),
        versionDiagnosis(theirs, version),
        ...clockDiagnoses(answer),
      ],
      isReached: true,
    };
  } catch (error) {
    return { diagnoses: [unreachable(endpoint, error)], isReached: false };
  }
}

export function versionDiagnosis(theirs: string | undefined, ours: string): Diagnosis {
  if (theirs === undefined) {
    return warning(
      'version',
      `The server does not say its version; this command is ${ours}.`,
      'Bring the server up to date, or let its proxy pass /healthz.',
    );
  }
  const order = compareVersions(theirs, ours);
  if (order === 0) return ok('version', `The server and this command are version ${ours}.`);
  const older = order > 0 ? 'command is older than the server' : 'server is older than the command';
  return warning(
    'version',
    `The ${older}: the server is ${theirs}, this command ${ours}.`,
    'Use the c4c of the same version; what one of them does not know is refused with a sentence.',
  );
}

/** Plus when the server's clock is ahead. */
export function clockDiagnosis(skewMs: number): Diagnosis {
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  if (Math.abs(skewMs) < SKEW_NOTED_MS) return ok('clock', 'This machine and the server agree on the time.');
  const message = `This machine's clock is ${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} the server's.`;
  const mend = 'Let both set their clocks by themselves (NTP); deadlines and the times of signatures depend on them.';
  return Math.abs(skewMs) < SKEW_MAX_MS ? warning('clock', message, mend) : problem('clock', EXIT.other, message, mend);
}

type Answer = { status: number; headers: Headers; body: unknown; ms: number; skewMs: number | undefined };

async function ask(url: string): Promise<Answer> {
  const began = Date.now();
  const stop = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const response = await fetch(url, { redirect: 'manual', headers: { accept: 'application/json' }, signal: stop });
  const answered = Date.now();
  const text = await bodyOf(response);
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header leaves the fraction of its second out.
  const skewMs = Number.isNaN(date) ? undefined : date + 500 - (began + answered) / 2;
  return { status: response.status, headers: response.headers, body: parsed(text), ms: answered - began, skewMs };
}

function clockDiagnoses({ skewMs }: Answer): Diagnosis[] {
  return skewMs === undefined ? [] : [clockDiagnosis(skewMs)];
}

function notC4c(endpoint: string, { status, headers, body }: Answer): Diagnosis | undefined {
  if (isEnvelope(body)) return undefined;
  const set = '`c4c config set endpoint URL`';
  if (status >= 300 && status < 400) {
    const to = headers.get('location') ?? 'elsewhere';
    return problem(
      'endpoint',
      EXIT.other,
      `${endpoint} redirects to ${withoutQuery(to)}.`,
      `Set that address with ${set}.`,
    );
  }
  if ([502, 503, 504].includes(status)) {
    return problem(
      'endpoint',
      EXIT.unavailable,
      `Something answers for ${endpoint}, but not the market itself (HTTP ${status}).`,
      'Start the market, or see where the proxy in front of it sends requests.',
    );
  }
  return problem(
    'endpoint',
    EXIT.other,
    `What answers at ${endpoint} is not a c4c server (HTTP ${status}).`,
    `Set the right address with ${set}; it is the one that the market's \`npm start\` prints.`,
  );
}

function unreachable(endpoint: string, error: unknown): Diagnosis {
  const code = codeOf(error);
  const { hostname, protocol, port } = new URL(endpoint);
  const name = hostname.replace(/^\[|\]$/g, '');
  const say = (message: string, mend: string): Diagnosis => problem('endpoint', EXIT.unavailable, message, mend);
  if (['ENOTFOUND', 'EAI_AGAIN', 'EAI_NONAME'].includes(code)) {
    return say(
      `The name ${name} has no address (${code}).`,
      'See whether it is spelt right, and whether this machine has a network.',
    );
  }
  if (code === 'ECONNREFUSED') {
    return say(
      `Nothing listens at ${endpoint} (${code}).`,
      'Start the market (`npm start` in its clone), or set its address with `c4c config set endpoint URL`.',
    );
  }
  if (['TimeoutError', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'].includes(code)) {
    return say(
      `${endpoint} does not answer within ${ANSWER_WITHIN_MS / 1_000} s.`,
      'See whether a firewall drops the connection, and whether the server still works.',
    );
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) {
    return say(
      `The certificate of ${name} is not trusted here (${code}).`,
      'Renew it or have it cover this name; an authority of your own goes into NODE_EXTRA_CA_CERTS.',
    );
  }
  if (/SSL|TLS|EPROTO/.test(code)) {
    return say(
      `No TLS is spoken at ${name}${port === '' ? '' : `:${port}`} (${code}).`,
      'Set the endpoint with http:// instead of https://.',
    );
  }
  const hint =
    protocol === 'http:'
      ? 'If the server wants TLS, set the endpoint with https://.'
      : 'Try again; if it stays so, look at what stands between.';
  return say(`The connection to ${endpoint} does not hold (${code}).`, hint);
}

/** The first code on the way down to the cause. */
function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === 'TimeoutError') return at.name;
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return 'no reason given';
}

async function bodyOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    // Leaving the loop closes the connection.
    if (text.length > BODY_LENGTH_MAX) break;
  }
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isEnvelope(body: unknown): boolean {
  return typeof rowOf(body)['success'] === 'boolean' && typeof rowOf(body)['traceId'] === 'string';
}

/** A query may carry a secret. */
function withoutQuery(address: string): string {
  return address.replace(/[?#].*$/s, '');
}
