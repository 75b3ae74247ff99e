import type { ErrorObject } from 'ajv/dist/2020.js';
import type { FieldError, Json } from '#kernel';
import { isJsonObject } from './schema-json.js';
import { SCHEMA_LIMITS } from './schema-limits.js';

/** What Ajv found, one entry per wrong field, at most 50; fields are written `input.items[3].name`. */
export function fieldErrors(found: readonly ErrorObject[], value: Json, root: string): FieldError[] {
  const fields = new Map<string, FieldMessages>();
  for (const error of found.slice(0, READ_MAX)) {
    const { field, message } = describe(error, value, root);
    const known = fields.get(field);
    if (known === undefined && fields.size === SCHEMA_LIMITS.errors) continue;
    if (known === undefined) fields.set(field, { code: codeOf(error.keyword), messages: new Set([message]) });
    else if (known.messages.size < MESSAGES_PER_FIELD) known.messages.add(message);
  }
  return [...fields].map(([field, { code, messages }]) => ({ field, message: [...messages].join('; '), code }));
}

/** What is told of a value that Ajv itself could not get through; no value may become an internal error. */
export function notChecked(error: unknown, root: string): FieldError[] {
  const reason = error instanceof Error ? error.message : String(error);
  const message = clip(`could not be checked against the schema: ${reason}`, MESSAGE_CHARS_MAX);
  return [{ field: root, message, code: 'NOT_CHECKED' }];
}

// An anyOf whose branches all fail is told as each branch's reason and "must match …", so a field may have several.
type FieldMessages = { code: string; messages: Set<string> };

// Enough to find 50 fields in any ordinary case; the rest would only cost time.
const READ_MAX = 500;
const MESSAGES_PER_FIELD = 4;
const NAME_CHARS_MAX = 64;
const FIELD_CHARS_MAX = 300;
const VALUES_SHOWN = 12;
const MESSAGE_CHARS_MAX = 300;

function describe(error: ErrorObject, value: Json, root: string): { field: string; message: string } {
  const place = fieldOf(error.instancePath, value, root);
  const params = new Map<string, unknown>(Object.entries(error.params));
  const member = (name: unknown): string => clip(`${place}${memberPart(String(name))}`, FIELD_CHARS_MAX);
  switch (error.keyword) {
    case 'required':
      return { field: member(params.get('missingProperty')), message: 'is required' };
    case 'dependentRequired':
      return {
        field: member(params.get('missingProperty')),
        message: `is required when ${clip(String(params.get('property')), NAME_CHARS_MAX)} is present`,
      };
    case 'additionalProperties':
      return { field: member(params.get('additionalProperty')), message: 'is not allowed' };
    case 'unevaluatedProperties':
      return { field: member(params.get('unevaluatedProperty')), message: 'is not allowed' };
    case 'propertyNames':
      return { field: member(params.get('propertyName')), message: 'has a name that is not allowed' };
    case 'enum':
      return { field: place, message: `must be one of ${listed(params.get('allowed'))}` };
    case 'const':
      return { field: place, message: `must be ${shown(params.get('allowed'))}` };
    case 'uniqueItems':
      return { field: place, message: 'must not hold the same item twice' };
    case 'false schema':
      return { field: place, message: 'is not allowed' };
    default:
      return { field: place, message: clip(error.message ?? 'is not valid', MESSAGE_CHARS_MAX) };
  }
}

function listed(values: unknown): string {
  const list = Array.isArray(values) ? values : [values];
  return list.slice(0, VALUES_SHOWN).map(shown).join(', ') + (list.length > VALUES_SHOWN ? ', …' : '');
}

// Objects are not written out: one schema may hold 32 KB of them, and each error would repeat that.
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list the schema names';
  if (typeof value === 'object' && value !== null) return 'an object the schema names';
  return typeof value === 'string' ? JSON.stringify(clip(value, NAME_CHARS_MAX)) : String(value);
}

// The path is read along the value, for only the value tells the third item ([3]) from a member named "3".
function fieldOf(pointer: string, value: Json, root: string): string {
  let field = root;
  let at: Json | undefined = value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    field += Array.isArray(at) ? `[${name}]` : memberPart(name);
    if (field.length > FIELD_CHARS_MAX) break;
    if (Array.isArray(at)) at = at[Number(name)];
    else at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return clip(field, FIELD_CHARS_MAX);
}

function memberPart(name: string): string {
  return /^[A-Za-z_$][\w$-]{0,63}$/.test(name) ? `.${name}` : `[${JSON.stringify(clip(name, NAME_CHARS_MAX))}]`;
}

function codeOf(keyword: string): string {
  return keyword
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll(' ', '_')
    .toUpperCase();
}

function clip(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text;
}
