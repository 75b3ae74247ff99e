import { readFileSync } from 'node:fs';
import { usageError } from './cli-error.js';

// The API takes bodies of 256 KB; ten times that is a mistake of the person and not worth reading.
const SIZE_MAX = 2_621_440;

/**
 * A JSON object from a file, from standard input (`-`) or written out on the command line (`{…}`).
 * @throws {CliError} usage, with the name of the flag
 */
export function readJsonObject(source: string, flag: string): Record<string, unknown> {
  const isInline = source.trimStart().startsWith('{');
  const value = parseJson(isInline ? source : readText(source, flag), isInline ? 'the value' : nameOf(source), flag);
  return asObject(value, flag);
}

/** A JSON or YAML object from a file or standard input. */
export async function readDocument(source: string, flag: string): Promise<Record<string, unknown>> {
  const text = readText(source, flag);
  if (text.trimStart().startsWith('{') || source.endsWith('.json')) {
    return asObject(parseJson(text, nameOf(source), flag), flag);
  }
  return asObject(await parseYamlText(text, nameOf(source), flag), flag);
}

export function readText(source: string, flag: string): string {
  let text: string;
  try {
    // Descriptor 0 is standard input; it reads to its end, from a pipe, a file or a terminal.
    text = readFileSync(source === '-' ? 0 : source, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`${flag}: ${nameOf(source)} cannot be read: ${reason}.`);
  }
  if (text.length > SIZE_MAX) throw usageError(`${flag}: ${nameOf(source)} is larger than anything the API takes.`);
  return text.replace(/^\ufeff/, '');
}

function parseJson(text: string, name: string, flag: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(`${flag}: ${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function parseYamlText(text: string, name: string, flag: string): Promise<unknown> {
  // Loaded when it is needed: most commands read no YAML, and every command should start at once.
  const { parse: parseYaml } = await import('yaml');
  try {
    // Few aliases are ever needed; without a limit a small file can unfold into gigabytes.
    return parseYaml(text, { maxAliasCount: 20 });
  } catch (error) {
    throw usageError(`${flag}: ${name} is not YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function asObject(value: unknown, flag: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw usageError(`${flag} must hold one object ({…}).`);
  }
  return value as Record<string, unknown>;
}

function nameOf(source: string): string {
  return source === '-' ? 'standard input' : source;
}
