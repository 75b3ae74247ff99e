import type { JsonObject } from '#kernel';
import { csvSummary } from './csv-summary.js';
import { markdownToHtml } from './markdown-html.js';
import { textStatistics } from './text-statistics.js';

/** A service as it is published, and the work it does. */
export type DemoService = {
  title: string;
  description: string;
  category: string;
  price: string;
  avgResponseMs: number;
  inputSchema: JsonObject;
  outputSchema: JsonObject;
  /** @throws {Error} whose message goes to the caller as the reason of the failure */
  work(input: Record<string, unknown>): JsonObject;
};

const TEXT_MAX = 60_000;
const COUNT = { type: 'integer', minimum: 0 };
/** Twice this is the deadline; real answers take milliseconds. */
const AVG_RESPONSE_MS = 5_000;

export const DEMO_SERVICES: readonly DemoService[] = [
  {
    title: 'Text statistics',
    description:
      'Counts characters, words, sentences and paragraphs of a text in any script, estimates the reading time and names the most frequent words.',
    category: 'writing',
    price: '1',
    avgResponseMs: AVG_RESPONSE_MS,
    inputSchema: objectOf(
      { text: { type: 'string', minLength: 1, maxLength: TEXT_MAX, description: 'The text to count' } },
      ['text'],
    ),
    outputSchema: objectOf(
      {
        characters: COUNT,
        words: COUNT,
        sentences: COUNT,
        paragraphs: COUNT,
        readingSeconds: COUNT,
        topWords: {
          type: 'array',
          maxItems: 10,
          items: objectOf({ word: { type: 'string' }, count: COUNT }, ['word', 'count']),
        },
      },
      ['characters', 'words', 'sentences', 'paragraphs', 'readingSeconds', 'topWords'],
    ),
    work: ({ text }) => textStatistics(String(text)),
  },
  {
    title: 'Markdown to HTML',
    description:
      'Turns Markdown (with tables and task lists) into HTML that is safe to show: raw HTML comes out as text, and links lead to harmless addresses only.',
    category: 'office_automation',
    price: '2',
    avgResponseMs: AVG_RESPONSE_MS,
    inputSchema: objectOf(
      { markdown: { type: 'string', minLength: 1, maxLength: TEXT_MAX, description: 'The Markdown source' } },
      ['markdown'],
    ),
    outputSchema: objectOf({ html: { type: 'string' } }, ['html']),
    work: ({ markdown }) => ({ html: markdownToHtml(String(markdown)) }),
  },
  {
    title: 'CSV summary',
    description:
      'Reads a table with a header row and tells for every column its kind, how many cells are filled, how many differ, and its range, sum and mean.',
    category: 'data_analysis',
    price: '2.5',
    avgResponseMs: AVG_RESPONSE_MS,
    inputSchema: objectOf(
      {
        csv: {
          type: 'string',
          minLength: 1,
          maxLength: TEXT_MAX,
          description: 'The table; its first row names the columns',
        },
        delimiter: { type: 'string', enum: [',', ';', '\t', '|'], description: 'Found out when it is left out' },
      },
      ['csv'],
    ),
    outputSchema: objectOf(
      {
        rows: COUNT,
        delimiter: { type: 'string' },
        columns: {
          type: 'array',
          items: objectOf(
            {
              name: { type: 'string' },
              type: { type: 'string', enum: ['number', 'date', 'text', 'empty'] },
              filled: COUNT,
              empty: COUNT,
              distinct: COUNT,
              min: { type: 'string' },
              max: { type: 'string' },
              sum: { type: 'number' },
              mean: { type: 'number' },
            },
            ['name', 'type', 'filled', 'empty', 'distinct'],
          ),
        },
      },
      ['rows', 'delimiter', 'columns'],
    ),
    work: ({ csv, delimiter }) => csvSummary(String(csv), typeof delimiter === 'string' ? delimiter : undefined),
  },
];

function objectOf(properties: Record<string, JsonObject>, required: string[]): JsonObject {
  return { type: 'object', properties, required, additionalProperties: false };
}
