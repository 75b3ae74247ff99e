import { describe, expect, it } from 'vitest';
import { csvSummary, parseCsv } from './csv-summary.js';
import { markdownToHtml } from './markdown-html.js';
import { textStatistics } from './text-statistics.js';

describe('text statistics', () => {
  it('counts words and sentences by Unicode, not by spaces', () => {
    expect(textStatistics('Ein Satz. Noch einer!\n\nEin neuer Absatz mit 3 Zahlen?')).toMatchObject({
      words: 10,
      sentences: 3,
      paragraphs: 2,
    });
    expect(textStatistics('👩‍👩‍👧 é')).toMatchObject({ characters: 3, words: 1 });
    expect(textStatistics(' \n ')).toEqual({
      characters: 3,
      words: 0,
      sentences: 0,
      paragraphs: 0,
      readingSeconds: 0,
      topWords: [],
    });
  });

  it('names the most frequent words, without regard to case', () => {
    expect(textStatistics('The cat. The dog. the end').topWords[0]).toEqual({ word: 'the', count: 3 });
  });
});

describe('Markdown to HTML', () => {
  it('renders tables, lists and code', () => {
    expect(markdownToHtml('| a |\n|---|\n| 1 |')).toContain('<td>1</td>');
    expect(markdownToHtml('- [x] done')).toContain('<li>');
    expect(markdownToHtml('```js\n<b>\n```')).toContain('&lt;b&gt;');
  });

  it.each([
    ['<script>alert(1)</script>'],
    ['text <img src=x onerror=alert(1)> text'],
    ['[a](javascript:alert(1))'],
    ['[a](JaVaScRiPt:alert(1))'],
    ['[a](java\u0000script:alert(1))'],
    ['[a](&#106;avascript:alert(1))'],
    ['[a](vbscript:x) [b](data:text/html,<script>x</script>)'],
    ['![a](javascript:alert(1) "t")'],
    ['<javascript:alert(1)>'],
    ['[a](//evil.example "x\\" onmouseover=\\"alert(1)")'],
    ['[a][r]\n\n[r]: javascript:alert(1)'],
    ['```x" onmouseover="alert(1)\ncode\n```'],
    ['<!-- c --><svg/onload=alert(1)>'],
  ])('lets nothing act: %j', (markdown) => {
    const html = markdownToHtml(markdown);
    const tags = [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag).join('');
    expect(tags).not.toMatch(/<(script|svg|iframe|object)|\son\w+\s*=|javascript:|vbscript:|data:/i);
    // A quote inside of an attribute's value never ends it.
    for (const tag of tags.match(/<a [^>]*>/g) ?? [])
      expect(tag).toMatch(/^<a href="[^"<>]*"( title="[^"<>]*")? rel="nofollow noopener">$/);
  });
});

describe('a CSV summary', () => {
  it('tells the kinds of columns, their range and their sum', () => {
    expect(csvSummary('name,born,score\nAda,1815-12-10,1.1\nAlan,1912-06-23,2.2\n,,\n')).toEqual({
      rows: 3,
      delimiter: ',',
      columns: [
        { name: 'name', type: 'text', filled: 2, empty: 1, distinct: 2, min: 'Ada', max: 'Alan' },
        { name: 'born', type: 'date', filled: 2, empty: 1, distinct: 2, min: '1815-12-10', max: '1912-06-23' },
        {
          name: 'score',
          type: 'number',
          filled: 2,
          empty: 1,
          distinct: 2,
          min: '1.1',
          max: '2.2',
          sum: 3.3,
          mean: 1.65,
        },
      ],
    });
  });

  it.each([
    [
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['"a ""quoted"" one","two\nlines"\n', [['a "quoted" one', 'two\nlines']]],
    ['a,,\n', [['a', '', '']]],
    ['\n\na\n\n', [['a']]],
    ['""\n', []],
  ])('reads %j as spreadsheets write it', (csv, rows) => {
    expect(parseCsv(csv, ',')).toEqual(rows);
  });

  it('finds the delimiter, and takes the one that is given', () => {
    expect(csvSummary('a;b,c;d\n1;2;3').columns).toHaveLength(3);
    expect(csvSummary('a;b,c', ',').columns).toHaveLength(2);
  });

  it('says what is wrong with a table', () => {
    expect(() => csvSummary('')).toThrow(/is empty/);
    expect(() => csvSummary('a\n"open')).toThrow(/never closed/);
    expect(() => csvSummary('a,b\n1,2,3')).toThrow(/Row 2 has more cells/);
    expect(() => csvSummary('a,'.repeat(200))).toThrow(/at most 100/);
  });

  it('leaves out a sum that would lose digits', () => {
    expect(csvSummary('n\n9007199254740991\n9007199254740991').columns[0]).not.toHaveProperty('sum');
  });
});
