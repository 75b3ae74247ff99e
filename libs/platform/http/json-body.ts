import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isJsonObject, parseGuarded, type JsonObject } from '#kernel';
import { httpProblems } from './http.problems.js';

/**
 * Bodies are JSON objects in UTF-8 and nothing else; an empty body stands for `{}`. Every other media type, also an
 * absent one, is answered with 415 by Fastify, because no parser is left for it.
 */
export function takeJsonBodies(fastify: FastifyInstance, bodyLimitBytes: number): void {
  fastify.removeAllContentTypeParsers();
  const options = { parseAs: 'buffer' as const, bodyLimit: bodyLimitBytes };
  fastify.addContentTypeParser<Buffer>('application/json', options, (request, body, done) => {
    try {
      done(null, readBody(request, body));
    } catch (error) {
      // Everything that readBody throws is an Error.
      done(error as Error);
    }
  });
}

function readBody(request: FastifyRequest, bytes: Buffer): JsonObject {
  requireUtf8Charset(request.headers['content-type']);
  requirePlain(request.headers['content-encoding']);
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw httpProblems.MALFORMED_JSON('The body is not valid UTF-8');
  const value = parseGuarded(withoutByteOrderMark(bytes.toString('utf8')));
  if (!isJsonObject(value)) {
    throw httpProblems.VALIDATION_FAILED('The body must be a JSON object', {
      errors: [{ field: '', message: 'must be a JSON object', code: 'type' }],
    });
  }
  return value;
}

function requireUtf8Charset(contentType: string | undefined): void {
  if (contentType === undefined || !contentType.includes(';')) return;
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1];
  if (charset !== undefined && !/^(?:utf-?8|us-ascii)$/i.test(charset)) {
    throw httpProblems.UNSUPPORTED_MEDIA_TYPE('JSON is taken in UTF-8 only');
  }
}

/** Compressed bodies are not taken: their real size would be known only after the work. */
function requirePlain(contentEncoding: string | undefined): void {
  if (contentEncoding === undefined || /^identity$/i.test(contentEncoding)) return;
  throw httpProblems.UNSUPPORTED_MEDIA_TYPE('Send the body without a content encoding');
}

/** Some editors and shells put one before JSON; RFC 8259 lets a reader ignore it. */
function withoutByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
