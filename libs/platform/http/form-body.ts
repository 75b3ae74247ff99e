import type { IncomingMessage } from 'node:http';
import { RouteConfig } from '@nestjs/platform-fastify';
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';
import { validationFailed } from './dto.pipe.js';
import { httpProblems } from './http.problems.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    takesForm?: boolean;
  }
}

const FORM = 'application/x-www-form-urlencoded';
// The longest has a name, an address and a password twice.
const FORM_MAX_BYTES = 16_384;

/** The route of a page's form takes what a browser posts. */
export const TakesForm = (): MethodDecorator => RouteConfig({ takesForm: true });

/** A form becomes an object of texts, which a DTO judges like any body. To every other route it is a media type that nobody takes. */
export function takeForms(fastify: FastifyInstance): void {
  fastify.addContentTypeParser(FORM, async (request: FastifyRequest, payload: IncomingMessage) => {
    if (request.routeOptions.config.takesForm === true) return readForm(payload);
    // As if there were no parser, before a byte is read.
    throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(request.headers['content-type']);
  });
}

/** @throws {Problem} BODY_TOO_LARGE, VALIDATION_FAILED */
async function readForm(payload: IncomingMessage): Promise<unknown> {
  const params = [...new URLSearchParams(await textOf(payload))];
  const names = params.map(([name]) => name);
  const doubled = names.find((name, at) => names.indexOf(name) !== at);
  if (doubled !== undefined) {
    throw validationFailed([{ field: doubled.slice(0, 100), message: 'must be given only once', code: 'doubled' }]);
  }
  // A DTO names what is wrong with them, so that a page may show its form again.
  return Object.fromEntries(params);
}

function textOf(payload: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    payload.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= FORM_MAX_BYTES) chunks.push(chunk);
      // What is beyond is read and thrown away, for as long as a request may take, so that the client gets to read why.
      else reject(httpProblems.BODY_TOO_LARGE(`A form may have ${FORM_MAX_BYTES} bytes`));
    });
    payload.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    payload.once('error', reject);
  });
}
