/** What a lint of SQL needs to know about a file: its text with comments or strings blanked, positions kept. */
export type SqlText = {
  /** Comments blanked; strings and function bodies stay, because dynamic SQL hides in strings. */
  withoutComments: string;
  /** Comments, strings and quoted names blanked: only what PostgreSQL reads as words. */
  words: string;
};

const LEXEMES = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"/g;

export function readSql(text: string): SqlText {
  return {
    withoutComments: text.replace(LEXEMES, (lexeme) => (/^(--|\/\*)/.test(lexeme) ? blank(lexeme) : lexeme)),
    words: text.replace(LEXEMES, blank),
  };
}

/** The statements `create table …;` with name and body, also those without columns of their own (`partition of`). */
export function tablesOf(sql: SqlText): { name: string; body: string; tail: string; at: number }[] {
  const heads = sql.words.matchAll(/\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?([a-z_]+\.)?([a-z0-9_]+)\s*\(/gi);
  return [...heads].map((head) => {
    const open = head.index + head[0].length - 1;
    const close = closingParenthesis(sql.words, open);
    const end = sql.words.indexOf(';', close);
    return {
      name: head[2] ?? '',
      body: sql.words.slice(open + 1, close),
      tail: sql.words.slice(close + 1, end === -1 ? undefined : end),
      at: head.index,
    };
  });
}

/** Functions with what stands before the body (arguments, security, settings) and the body itself. */
export function functionsOf(sql: SqlText): { name: string; head: string; body: string; at: number }[] {
  const pattern =
    /\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\s+([a-z0-9_.]+)([\s\S]*?)\bas\s+(\$[a-z_]*\$)([\s\S]*?)\3/gi;
  return [...sql.words.matchAll(pattern)].map((match) => ({
    name: match[1] ?? '',
    head: match[2] ?? '',
    body: match[4] ?? '',
    at: match.index,
  }));
}

export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

/** Top-level parts of a parenthesised list: the columns and constraints of a table. */
export function partsOf(body: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < body.length; i++) {
    if (body[i] === '(') depth++;
    else if (body[i] === ')') depth--;
    else if (body[i] === ',' && depth === 0) {
      parts.push(body.slice(start, i).trim());
      start = i + 1;
    }
  }
  return [...parts, body.slice(start).trim()].filter((part) => part !== '');
}

function closingParenthesis(words: string, open: number): number {
  let depth = 0;
  for (let i = open; i < words.length; i++) {
    if (words[i] === '(') depth++;
    else if (words[i] === ')' && --depth === 0) return i;
  }
  return words.length;
}

function blank(lexeme: string): string {
  return lexeme.replace(/[^\n]/g, ' ');
}
