import { usageError } from './cli-error.js';
import { readDocument } from './input-file.js';

export type ServiceFlags = {
  title?: string;
  description?: string;
  category?: string;
  price?: string;
  avgResponseMs?: number;
  inputSchema?: string;
  outputSchema?: string;
  maxPending?: number;
  maxPendingPerCaller?: number;
  file?: string;
};

export type ServiceDraft = { [field in (typeof FIELDS)[number]]?: unknown };

/**
 * The service as the API takes it, from the file and the flags; a flag wins.
 * @throws {CliError} usage, for a file that cannot be read or has a field that no service has
 */
export async function serviceDraft(flags: ServiceFlags): Promise<ServiceDraft> {
  const sources = [flags.file, flags.inputSchema, flags.outputSchema].filter((source) => source === '-');
  if (sources.length > 1) throw usageError('Only one file can come from standard input.');
  const draft: ServiceDraft = flags.file === undefined ? {} : draftOf(await readDocument(flags.file, '--file'));
  for (const field of FIELDS) {
    const value = flags[field];
    if (value !== undefined) draft[field] = value;
  }
  checkNumber(draft.price, 'price', 'shells such as 2.50');
  checkNumber(draft.avgResponseMs, 'avgResponseMs', 'milliseconds such as 5000');
  if (flags.inputSchema !== undefined) draft.inputSchema = await readDocument(flags.inputSchema, '--input-schema');
  if (flags.outputSchema !== undefined) draft.outputSchema = await readDocument(flags.outputSchema, '--output-schema');
  return draft;
}

/**
 * What is shown before it is sent must be a number, or the question would be about something else than the answer. YAML
 * takes 1_000 for a text. Whether the number will do is the API's to say.
 */
function checkNumber(value: unknown, field: string, example: string): void {
  const isNumber = typeof value === 'number' ? Number.isFinite(value) : /^-?\d+(\.\d+)?$/.test(String(value));
  if (value === undefined || isNumber) return;
  const shown = (JSON.stringify(value) ?? '').slice(0, 100);
  throw usageError(`${field} must be a number of ${example}, not ${shown}.`);
}

/** Takes both spellings, `inputSchema` and `input_schema`. */
export function draftOf(document: Readonly<Record<string, unknown>>): ServiceDraft {
  const draft: ServiceDraft = {};
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(document)) {
    const spelled = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const field = FIELDS.find((one) => one === spelled);
    if (field === undefined) unknown.push(name);
    else if (draft[field] !== undefined) throw usageError(`--file: ${field} is given twice, in two spellings.`);
    else draft[field] = value;
  }
  if (unknown.length > 0) {
    throw usageError(`--file: a service has no ${unknown.join(', ')}; it has ${FIELDS.join(', ')}.`);
  }
  return draft;
}

const FIELDS = [
  'title',
  'description',
  'category',
  'price',
  'avgResponseMs',
  'inputSchema',
  'outputSchema',
  'maxPending',
  'maxPendingPerCaller',
] as const;
