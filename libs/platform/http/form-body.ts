import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { FieldError, JsonObject } from '#kernel';
import { validationFailed } from './dto.pipe.js';
import { httpProblems } from './http.problems.js';

const FORM_LIMIT_BYTES = 16 * 1024;

declare module 'fastify' {
  interface FastifyContextConfig {
    takesForms?: boolean;
  }
}

/** The route takes what a page's form sends; every other one answers it with 415. */
export const TakesForms = (): MethodDecorator => RouteConfig({ takesForms: true });

/** Forms become objects of texts, to be judged like any body. */
export function takeFormBodies(fastify: FastifyInstance): void {
  const options = { parseAs: 'string' as const, bodyLimit: FORM_LIMIT_BYTES };
  fastify.addContentTypeParser<string>('application/x-www-form-urlencoded', options, (request, body, done) => {
    if (request.routeOptions.config.takesForms !== true) {
      done(httpProblems.UNSUPPORTED_MEDIA_TYPE('Send the body as application/json'));
      return;
    }
    try {
      done(null, readForm(body));
    } catch (error) {
      // Everything that readForm throws is an Error.
      done(error as Error);
    }
  });
}

function readForm(body: string): JsonObject {
  const fields = new Map<string, string>();
  const doubled: FieldError[] = [];
  for (const [field, value] of new URLSearchParams(body)) {
    if (fields.has(field)) doubled.push({ field, message: 'must be given only once', code: 'doubled' });
    fields.set(field, value);
  }
  if (doubled.length > 0) throw validationFailed(doubled);
  return Object.fromEntries(fields);
}
