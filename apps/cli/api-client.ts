import { backoffMs } from '#kernel';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, CliError, usageError, type ErrorEnvelope } from './cli-error.js';
import { EXIT } from './exit-codes.js';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type Request = {
  method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  query?: Query;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  timeoutMs?: number;
  /** Only for what may be repeated: reads, and writes that carry an idempotency key or answer the same twice. */
  retries?: number;
};

export type Answer = { data: unknown; headers: Headers };

export type RetryNote = { reason: string; delayMs: number; attempt: number; attempts: number };

const TIMEOUT_MS = 30_000;
/** No new try begins after this, beyond the time of one request: a server that hangs is not asked six times. */
const RETRY_WITHIN_MS = 60_000;
/** Many times the longest page that the API has. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
// Six tries within about ten seconds: a server that restarts is back by then, a person has not walked away.
export const SAFE_RETRIES = 5;
const BACKOFF = { baseMs: 250, maxMs: 4_000 };
// A server that asks for more patience than this is better named to the person than waited for.
const RETRY_AFTER_MAX_MS = 15_000;

/** Speaks to one server with one key: envelope in, envelope out. */
export class ApiClient {
  constructor(
    readonly endpoint: string,
    private readonly token: string | undefined,
    private readonly userAgent: string,
    private readonly onRetry: (note: RetryNote) => void = () => {},
  ) {}

  /**
   * The `data` of the answer.
   * @throws {ApiError} what the API refused
   * @throws {CliError} unavailable, when no answer came; bad answer, when it was not the API's
   */
  async data(request: Request): Promise<unknown> {
    return (await this.answer(request)).data;
  }

  async answer(request: Request): Promise<Answer> {
    return this.withRetries(request, async () => {
      const response = await this.send(request, 'application/json');
      const text = await this.readBody(response);
      const body = parseEnvelope(text);
      if (body !== undefined && isErrorEnvelope(body)) {
        throw new ApiError(response.status, body, retryAfterMs(response.headers));
      }
      if (body?.['success'] !== true || !response.ok) throw this.notAnEnvelope(response);
      return { data: this.usable(body['data'], response), headers: response.headers };
    });
  }

  /** The body as it came, of an operation that answers in another media type. */
  async text(request: Request, accept: string): Promise<string> {
    const response = await this.send(request, accept);
    const text = await this.readBody(response);
    if (response.ok) return text;
    const body = parseEnvelope(text);
    throw body !== undefined && isErrorEnvelope(body)
      ? new ApiError(response.status, body)
      : this.notAnEnvelope(response);
  }

  /** The body piece by piece, of an operation that answers as much as there is. */
  async *stream(request: Request, accept: string): AsyncGenerator<Uint8Array> {
    const response = await this.send(request, accept);
    if (!response.ok) {
      const body = parseEnvelope(await this.readBody(response));
      throw body !== undefined && isErrorEnvelope(body)
        ? new ApiError(response.status, body)
        : this.notAnEnvelope(response);
    }
    try {
      for await (const chunk of response.body ?? []) yield chunk;
    } catch (error) {
      throw this.unreachable(error);
    }
  }

  private async withRetries<Result>(request: Request, attempt: () => Promise<Result>): Promise<Result> {
    const until = performance.now() + (request.timeoutMs ?? TIMEOUT_MS) + RETRY_WITHIN_MS;
    for (let tried = 0; ; tried += 1) {
      try {
        return await attempt();
      } catch (error) {
        // What was refused for coming too often has not been done, whatever it was.
        const isUndone = error instanceof ApiError && error.code === 'RATE_LIMITED';
        const retries = isUndone ? SAFE_RETRIES : (request.retries ?? 0);
        const delayMs = tried < retries ? retryDelayMs(error, tried) : undefined;
        if (delayMs === undefined || performance.now() + delayMs > until) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        this.onRetry({ reason, delayMs, attempt: tried + 2, attempts: retries + 1 });
        await sleep(delayMs);
      }
    }
  }

  private async send(request: Request, accept: string): Promise<Response> {
    // Made outside of the `try`: what goes wrong here never left this machine, and another try would bring the same.
    const body = request.body === undefined ? undefined : writeJson(request.body);
    const ready = new globalThis.Request(this.url(request), {
      method: request.method ?? 'GET',
      headers: {
        accept,
        'user-agent': this.userAgent,
        ...(this.token === undefined ? {} : { 'x-api-key': this.token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      // A key must not follow a redirect to another host.
      redirect: 'manual',
      // It covers the answer's body too.
      signal: AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS),
      ...(body === undefined ? {} : { body }),
    });
    try {
      return await fetch(ready);
    } catch (error) {
      throw this.unreachable(error);
    }
  }

  private async readBody(response: Response): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    let length = 0;
    try {
      for await (const chunk of response.body ?? []) {
        length += chunk.byteLength;
        // Leaving the loop closes the connection.
        if (length > ANSWER_BYTES_MAX) break;
        text += decoder.decode(chunk, { stream: true });
      }
    } catch (error) {
      throw this.unreachable(error);
    }
    if (length <= ANSWER_BYTES_MAX) return text + decoder.decode();
    const message = `The answer from ${this.endpoint} is larger than any of a c4c server. Is the endpoint right?`;
    throw new CliError('BAD_ANSWER', message, EXIT.other, { status: response.status, endpoint: this.endpoint });
  }

  /** Every operation answers an object or a list. */
  private usable(data: unknown, { status }: Response): unknown {
    if (typeof data === 'object' && data !== null) return data;
    const message = `The answer from ${this.endpoint} says success and holds no data (HTTP ${status}). Is the endpoint right?`;
    throw new CliError('BAD_ANSWER', message, EXIT.other, { status, endpoint: this.endpoint });
  }

  private url({ path, query }: Request): string {
    const url = new URL(`${this.endpoint}/openapi/v1${path}`);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
    }
    return url.href;
  }

  private unreachable(error: unknown): CliError {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    if (error instanceof Error && error.name === 'TimeoutError') {
      return new CliError('UNAVAILABLE', `${this.endpoint} did not answer in time.`, EXIT.unavailable);
    }
    const what = errorCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
    const start = what === 'ECONNREFUSED' ? ' Is the server running? `npm start` starts it.' : '';
    return new CliError('UNAVAILABLE', `Cannot reach ${this.endpoint} (${what}).${start}`, EXIT.unavailable, {
      endpoint: this.endpoint,
      cause: what,
    });
  }

  private notAnEnvelope(response: Response): CliError {
    const { status } = response;
    const details = { status, endpoint: this.endpoint };
    if (status >= 300 && status < 400) {
      const to = response.headers.get('location') ?? 'elsewhere';
      const message = `${this.endpoint} redirects to ${to}: set that address with \`c4c config set endpoint\`.`;
      return new CliError('BAD_ANSWER', message, EXIT.other, details);
    }
    if ([502, 503, 504].includes(status)) {
      return new CliError(
        'UNAVAILABLE',
        `${this.endpoint} is not available (HTTP ${status}).`,
        EXIT.unavailable,
        details,
      );
    }
    const message = `The answer from ${this.endpoint} is not from a c4c server (HTTP ${status}). Is the endpoint right?`;
    return new CliError('BAD_ANSWER', message, EXIT.other, details);
  }
}

/** How long to wait before the next try; undefined when another try would bring the same. */
export function retryDelayMs(error: unknown, tried: number, random?: () => number): number | undefined {
  const jittered = backoffMs(tried, BACKOFF, random);
  if (error instanceof ApiError) {
    const canPass = [429, 503].includes(error.status) || error.code === 'IDEMPOTENCY_IN_PROGRESS';
    if (!canPass) return undefined;
    const asked = error.retryAfterMs ?? 0;
    return asked > RETRY_AFTER_MAX_MS ? undefined : asked + jittered;
  }
  return error instanceof CliError && error.code === 'UNAVAILABLE' ? jittered : undefined;
}

/** Retry-After as seconds or as a date. */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  if (/^\d{1,6}$/.test(value.trim())) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** @throws {CliError} usage, for what JSON cannot hold */
function writeJson(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (error) {
    throw usageError(
      `The request cannot be written as JSON: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}

function parseEnvelope(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isEnvelope =
      typeof value === 'object' && value !== null && typeof Reflect.get(value, 'success') === 'boolean';
    return isEnvelope ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isErrorEnvelope(body: Record<string, unknown>): body is ErrorEnvelope {
  const error = body['error'];
  return (
    body['success'] === false &&
    typeof error === 'object' &&
    error !== null &&
    typeof Reflect.get(error, 'code') === 'string' &&
    typeof Reflect.get(error, 'message') === 'string'
  );
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
