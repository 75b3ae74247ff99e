import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { parse } from 'yaml';

const RATE_HEADERS = [
  ['ratelimit-policy', 'RateLimitPolicy'],
  ['ratelimit', 'RateLimit'],
] as const;

type Node = Record<string, unknown>;
type Headers = Record<string, string | string[] | undefined>;

export type Exchange = { method: string; path: string };
export type Answer = { status: number; headers: Headers; body: unknown };
export type Operation = { id: string; method: string; template: string; node: Node };

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
// These say something about a single answer; one that is sent but not documented is a surprise to the client.
const TELLING_HEADERS = ['idempotent-replayed', 'preference-applied', 'retry-after', 'allow', 'location', 'link'];

export const openapi = parse(readFileSync(join(import.meta.dirname, '../../openapi.yaml'), 'utf8')) as Node;

/** All operations, those with fewer placeholders first, so that `/x/mine` wins over `/x/{id}`. */
export const operations: readonly Operation[] = Object.entries(child(openapi, 'paths'))
  .flatMap(([template, item]) =>
    METHODS.filter((method) => Object.hasOwn(asNode(item), method)).map((method) => {
      const node = child(asNode(item), method);
      return { id: String(node['operationId']), method, template, node };
    }),
  )
  .sort((a, b) => placeholders(a.template) - placeholders(b.template));

/**
 * Holds an answer to the document: the operation is known, its status and media type are documented, the body fits the
 * schema of exactly that status (and so the error code is one of those named there), and the headers agree.
 */
export function expectMatchesOpenApi(request: Exchange, answer: Answer): void {
  const path = request.path.replace(/[?#].*$/s, '');
  const name = `${request.method.toUpperCase()} ${path} → ${answer.status}`;
  const fail = (reason: string): never => {
    throw new Error(`${name} does not match openapi.yaml: ${reason}\n${excerpt(answer.body)}`);
  };
  if (codeOf(answer.body) === 'INTERNAL') fail('no request may end in an INTERNAL error');
  const operation = operationOf(request.method, path);
  const response =
    documentedResponse(operation, answer) ?? fail(`this status is not documented${forCode(answer.body)}`);
  checkBody(response, answer, fail);
  checkHeaders(response, answer, fail);
}

export function operationOf(method: string, path: string): Operation | undefined {
  const segments = path.split('/');
  return operations.find(
    (operation) => operation.method === method.toLowerCase() && fits(operation.template.split('/'), segments),
  );
}

/** What the value at this place of the document says it must be; errors are sentences. */
export function errorsAgainst(pointer: string, value: unknown): string[] {
  const validate = validator(pointer);
  return validate(value) ? [] : (validate.errors ?? []).map(sentence);
}

/** The JSON pointer of a response of an operation, following `$ref`. */
export function responsePointer(operation: Operation, status: string): string | undefined {
  const response = child(operation.node, 'responses')[status];
  if (response === undefined) return undefined;
  const ref = asNode(response)['$ref'];
  if (typeof ref === 'string') return ref.slice(1);
  return `/paths/${escapePointer(operation.template)}/${operation.method}/responses/${status}`;
}

export function at(pointer: string): Node {
  let node = openapi;
  for (const part of pointer.split('/').slice(1)) node = child(node, part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return node;
}

/** Responses that any request may get, whatever its operation, also one that has no operation. */
const ANY_REQUEST = Object.entries(child(child(openapi, 'components'), 'responses'))
  .filter(([, response]) => asNode(response)['x-any-request'] === true)
  .map(([name]) => `/components/responses/${name}`);

function documentedResponse(operation: Operation | undefined, answer: Answer): string | undefined {
  const code = codeOf(answer.body);
  for (const pointer of ANY_REQUEST) {
    if (codesOf(pointer).includes(code ?? '')) return pointer;
  }
  // What no path stands for is simply not there.
  if (operation === undefined) return answer.status === 404 ? '/components/responses/NotFound' : undefined;
  return responsePointer(operation, String(answer.status));
}

function codesOf(response: string): unknown[] {
  const schemas = at(`${response}/content/${escapePointer('application/json')}/schema`)['allOf'] as Node[];
  const refined = asNode(schemas[1]);
  const codes = child(child(child(child(refined, 'properties'), 'error'), 'properties'), 'code')['enum'];
  return Array.isArray(codes) ? codes : [];
}

function checkBody(response: string, answer: Answer, fail: (reason: string) => never): void {
  const content = at(response)['content'];
  const sent = mediaType(answer.headers);
  if (content === undefined) return;
  const documented = Object.keys(asNode(content));
  if (sent === undefined || !documented.includes(sent)) {
    fail(`the media type is ${sent ?? 'absent'}, documented are ${documented.join(', ')}`);
  }
  if (sent !== 'application/json') return;
  const errors = errorsAgainst(`${response}/content/${escapePointer(sent)}/schema`, answer.body);
  if (errors.length > 0) fail(errors.join('; '));
}

function checkHeaders(response: string, answer: Answer, fail: (reason: string) => never): void {
  const documented = new Map(
    Object.keys(asNode(at(response)['headers'] ?? {})).map((name) => [name.toLowerCase(), name]),
  );
  const traceId = answer.headers['x-trace-id'];
  if (typeof traceId !== 'string') fail('the header x-trace-id is missing');
  const inBody = isNode(answer.body) ? answer.body['traceId'] : undefined;
  if (inBody !== undefined && inBody !== traceId) fail('the header x-trace-id differs from traceId in the body');
  for (const [name, header] of RATE_HEADERS) {
    const value = answer.headers[name];
    if (typeof value !== 'string') fail(`the header ${name} is missing`);
    else checkHeader(`/components/headers/${header}`, value, fail);
  }
  const isLater = answer.status === 429 || answer.status === 503;
  if (isLater && documented.has('retry-after') && answer.headers['retry-after'] === undefined) {
    fail('the header Retry-After is missing');
  }
  for (const name of TELLING_HEADERS) {
    const value = answer.headers[name];
    if (value === undefined) continue;
    const known = documented.get(name);
    if (known === undefined) fail(`the header ${name} is not documented`);
    else checkHeader(`${response}/headers/${escapePointer(known)}`, String(value), fail);
  }
}

function checkHeader(pointer: string, text: string, fail: (reason: string) => never): void {
  const ref = at(pointer)['$ref'];
  const schema = `${typeof ref === 'string' ? ref.slice(1) : pointer}/schema`;
  const value = at(schema)['type'] === 'integer' && /^\d+$/.test(text) ? Number(text) : text;
  const errors = errorsAgainst(schema, value);
  if (errors.length > 0) fail(`header at ${pointer}: ${errors.join('; ')}`);
}

const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
// The package is CommonJS: at run time its function is the module itself or its `default`.
const addFormats = (
  typeof addFormatsModule === 'function' ? addFormatsModule : (addFormatsModule as { default: unknown }).default
) as (ajv: Ajv2020) => void;
addFormats(ajv);
ajv.addSchema(openapi, 'openapi');
const validators = new Map<string, ValidateFunction>();

function validator(pointer: string): ValidateFunction {
  let found = validators.get(pointer);
  if (found === undefined) {
    // A pointer in a $ref is part of a URI, so what URIs do not allow is escaped.
    const fragment = pointer.split('/').map(encodeURIComponent).join('/');
    found = ajv.compile({ $ref: `openapi#${fragment}` });
    validators.set(pointer, found);
  }
  return found;
}

function sentence({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath === '' ? 'the value' : instancePath} ${message ?? 'is wrong'} ${JSON.stringify(params)}`;
}

function fits(template: readonly string[], segments: readonly string[]): boolean {
  if (template.length !== segments.length) return false;
  return template.every((part, index) => (part.startsWith('{') ? segments[index] !== '' : part === segments[index]));
}

function placeholders(template: string): number {
  return template.split('{').length - 1;
}

export function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

function mediaType(headers: Headers): string | undefined {
  const value = headers['content-type'];
  return typeof value === 'string' ? value.replace(/;.*$/s, '').trim().toLowerCase() : undefined;
}

function codeOf(body: unknown): string | undefined {
  const error = isNode(body) ? body['error'] : undefined;
  const code = isNode(error) ? error['code'] : undefined;
  return typeof code === 'string' ? code : undefined;
}

function forCode(body: unknown): string {
  const code = codeOf(body);
  return code === undefined ? '' : ` (code ${code})`;
}

function excerpt(body: unknown): string {
  return (JSON.stringify(body) ?? '').slice(0, 2_000);
}

function child(node: Node, name: string): Node {
  return asNode(node[name]);
}

function asNode(value: unknown): Node {
  if (!isNode(value)) throw new Error(`openapi.yaml has no object where one was expected: ${JSON.stringify(value)}`);
  return value;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}
