import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Problem } from '#kernel';

export const JSON_TYPE = 'application/json; charset=utf-8';

/** The text of a successful answer. A handler that returns nothing answers `data: null`. */
export function successBody(data: unknown, traceId: string): string {
  return `${successHead(data)}${traceId}"}`;
}

function successHead(data: unknown): string {
  return `{"success":true,"data":${JSON.stringify(data ?? null)},"traceId":"`;
}

/** A success that was turned into bytes before and is sent to many: only the trace id, at the end, is each one's own. */
export class FinishedAnswer {
  /** Weak, since the trace id is part of the body and not of the meaning. */
  readonly etag: string;
  private readonly head: Buffer;

  constructor(data: unknown) {
    this.head = Buffer.from(successHead(data));
    this.etag = `W/"${createHash('sha256').update(this.head).digest('base64url').slice(0, 22)}"`;
  }

  get bytes(): number {
    return this.head.length;
  }

  bodyFor(traceId: string): Buffer {
    return Buffer.concat(this.partsFor(traceId));
  }

  /** The body in pieces, of which all but the last are shared by everybody. */
  partsFor(traceId: string): Buffer[] {
    return [this.head, Buffer.from(`${traceId}"}`)];
  }

  /** Whether the client says in `If-None-Match` that it has this (RFC 9110, 13.1.2). */
  isKnownBy(ifNoneMatch: string | undefined): boolean {
    if (ifNoneMatch === undefined) return false;
    const tags = ifNoneMatch.split(',').map((tag) => tag.trim());
    return tags.some((tag) => tag === '*' || tag === this.etag || `W/${tag}` === this.etag);
  }
}

/** The text of a refusal: the envelope that clients decode, and RFC 9457 members beside it. */
export function problemBody(problem: Problem, traceId: string, instance: string): string {
  const { kind, detail, errors } = problem;
  const details = problem.details ?? (errors === undefined ? undefined : { errors });
  return JSON.stringify({
    success: false,
    error: { code: kind.code, message: detail, details },
    traceId,
    type: `/problems/${kind.slug}`,
    title: kind.title,
    status: kind.status,
    detail,
    instance,
    errors,
  });
}

/** A whole HTTP/1.1 answer, for requests so malformed that no response object exists for them. */
export function rawProblemResponse(
  problem: Problem,
  traceId: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const body = problemBody(problem, traceId, '');
  const { status } = problem.kind;
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    `content-type: ${JSON_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-trace-id: ${traceId}`,
    'x-content-type-options: nosniff',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

/** An answer that goes out as it is, without the envelope: a page, a CSV file, the OpenAPI document. */
export class RawAnswer {
  constructor(
    readonly contentType: string,
    readonly body: string | Buffer | NodeJS.ReadableStream,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}
}
