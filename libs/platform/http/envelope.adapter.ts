import { Readable } from 'node:stream';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { FinishedAnswer, JSON_TYPE, RawAnswer, successBody } from './envelope.js';

/**
 * Puts the result of every handler into the success envelope. This is done here and not in a Nest interceptor because
 * Nest builds several Observables per request as soon as one interceptor exists, and this stands on the fast path.
 */
export class EnvelopeAdapter extends FastifyAdapter {
  override reply(response: FastifyReply, body: unknown, statusCode?: number): FastifyReply {
    if (body instanceof RawAnswer) {
      if (statusCode !== undefined) response.code(statusCode);
      return response.headers(body.headers).header('content-type', body.contentType).send(body.body);
    }
    if (body instanceof FinishedAnswer) return replyFinished(response, body);
    const status = statusCode ?? response.statusCode;
    // Nest answers a POST with 201 unless told otherwise; the contract's success is 200.
    response.code(status === 201 ? 200 : status);
    return response.header('content-type', JSON_TYPE).send(successBody(body, response.request.id));
  }
}

function replyFinished(response: FastifyReply, answer: FinishedAnswer): FastifyReply {
  const { headers, id } = response.request;
  // Kept by clients but asked for each time, so that nobody sees anything older than what this server itself keeps.
  response.header('etag', answer.etag).header('cache-control', 'no-cache');
  if (answer.isKnownBy(headers['if-none-match'])) return response.code(304).send();
  response.header('content-type', JSON_TYPE);
  if (answer.bytes <= COPIED_MAX_BYTES) return response.send(answer.bodyFor(id));
  // Clients that ask and do not read would otherwise keep a copy each.
  const parts = answer.partsFor(id);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return response.header('content-length', String(length)).send(Readable.from(parts, { objectMode: false }));
}

const COPIED_MAX_BYTES = 32 * 1024;
