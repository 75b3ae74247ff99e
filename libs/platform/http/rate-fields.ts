import type { FastifyInstance } from 'fastify';
import type { RateFields, RateLimits } from '../rate-limit/index.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What it was counted under; null before that, and where nothing is counted. */
    rateFields: RateFields | null;
  }
}

/** Every answer names the limits it was counted under; one that nobody counted, those of its address. */
export function addRateFields(fastify: FastifyInstance, limits: RateLimits): void {
  fastify.decorateRequest('rateFields', null);
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const fields = request.rateFields ?? limits.fieldsFor(request.raw);
    if (fields !== null) reply.header('ratelimit-policy', fields.policy).header('ratelimit', fields.limit);
    done(null, payload);
  });
}

export function rateHeaders(fields: RateFields | null): Record<string, string> {
  return fields === null ? {} : { 'ratelimit-policy': fields.policy, ratelimit: fields.limit };
}
