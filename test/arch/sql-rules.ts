import { functionsOf, lineOf, partsOf, readSql, tablesOf, type SqlText } from './sql-text.js';

/** The rules that keep the doors to more than one machine open, and the database readable. Each one has a fixture. */
export type SqlFile = { path: string; text: string };
export type Finding = { rule: string; path: string; line: number; found: string };

type Rule = (sql: SqlText, file: SqlFile) => { at: number; found: string }[];

/** Tables that grow with every trade: ranges of ids, so that old rows can be archived as a whole. */
export const LARGE_TABLES = [
  'agent_event',
  'delivery',
  'delivery_attempt',
  'hold',
  'idempotency',
  'invocation',
  'invocation_progress',
  'outcome',
  'review',
  'settlement',
];

const UPPER_KEYWORDS =
  /\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TABLE|FUNCTION|TRIGGER|INDEX|FROM|WHERE|AND|OR|NOT|NULL|INTO|VALUES|SET|RETURNS?|RETURNING|BEGIN|END|IF|THEN|ELSE|ELSIF|LOOP|FOR|IN|AS|ON|JOIN|LEFT|ORDER|GROUP|BY|HAVING|LIMIT|WITH|UNION|ALL|EXISTS|CASE|WHEN|PRIMARY|KEY|UNIQUE|CHECK|REFERENCES|CONSTRAINT|DEFAULT|LANGUAGE|SECURITY|DEFINER|DECLARE|EXECUTE|GRANT|REVOKE|TO|RAISE|PERFORM|USING|BIGINT|INTEGER|TEXT|BOOLEAN|TIMESTAMPTZ|TRUE|FALSE)\b/g;

export const SQL_RULES: Record<string, Rule> = {
  /** A session does not survive a transaction pooler, and its lock stays behind when the process is stopped. */
  'no-session-advisory-lock': (sql) => find(sql.withoutComments, /\bpg_(try_)?advisory_(un)?lock(_shared|_all)?\b/gi),

  /** An advisory lock in a transaction is for one-at-a-time jobs; beside money it would serialise every commit. */
  'advisory-lock-names-its-job': (sql, file) =>
    find(sql.withoutComments, /\bpg_(try_)?advisory_xact_lock(_shared)?\b/gi).filter(({ at }) => {
      const line = lineOf(file.text, at);
      const around = file.text.split('\n').slice(Math.max(0, line - 2), line);
      return !around.some((text) => /--.*\bjob\b/i.test(text));
    }),

  /** A commit that notifies takes a lock over the whole database; 60 % of commits are lost to it. */
  'no-notify': (sql) =>
    find(sql.withoutComments, /\bpg_notify\b|(?<=^|;|\bthen\b|\bbegin\b)\s*(listen|notify|unlisten)\s/gim),

  /** They do not travel: not through logical replication's neighbours, not through other engines. */
  'no-exotic-types': (sql) =>
    find(sql.withoutComments, /\bexclude\s+using\b|\b(int4|int8|num|ts|tstz|date)(multi)?range\b|\bas\s+range\b/gi),

  /** A foreign key to the hot row costs 30 % of the holds; the guarded update proves that the wallet exists. */
  'no-foreign-key-to-wallet': (sql) => find(sql.withoutComments, /\breferences\s+(ledger\s*\.\s*)?wallet\b/gi),

  'large-table-is-partitioned': (sql) =>
    tablesOf(sql)
      .filter((table) => LARGE_TABLES.includes(table.name) && !/\bpartition\s+by\b/i.test(table.tail))
      .map((table) => ({ at: table.at, found: table.name })),

  /** Range partitions are cut by id, and every unique key contains it: the id alone routes. */
  'partitioned-by-its-id': (sql) => [...cutByAnotherColumn(sql), ...uniqueWithoutId(sql)],

  /** Whoever may execute a definer's function must not choose what its names mean. */
  'definer-has-fixed-search-path': (sql) =>
    functionsOf(sql)
      .filter(({ head }) => /\bsecurity\s+definer\b/i.test(head) && !/\bset\s+search_path\s*(=|to)/i.test(head))
      .map(({ at, name }) => ({ at, found: name })),

  'keywords-are-lower-case': (sql) => find(sql.words, UPPER_KEYWORDS),

  'migration-says-why-lock-back': (_sql, file) => {
    if (!file.path.endsWith('migration.sql')) return [];
    const opening = /^(--[^\n]*\n)+/.exec(file.text)?.[0] ?? '';
    return ['Why:', 'Lock:', 'Back:'].filter((word) => !opening.includes(word)).map((found) => ({ at: 0, found }));
  },

  /** A trigger may refuse; what moves money is a statement that somebody can read. */
  'triggers-only-refuse': (sql) =>
    functionsOf(sql)
      .filter(
        ({ head, body }) =>
          /\breturns\s+trigger\b/i.test(head) && /\b(insert\s+into|update|delete\s+from|perform)\b/i.test(body),
      )
      .map(({ at, name }) => ({ at, found: name })),

  /** A violation explains itself by its constraint's name; a name the database made up also differs between versions. */
  'constraints-have-names': (sql) =>
    tablesOf(sql).flatMap((table) =>
      partsOf(table.body)
        .filter((part) => !/^constraint\s/i.test(part))
        .filter((part) =>
          /\b(primary\s+key|unique|references)\b|\bcheck\s*\(/i.test(
            part.replace(/\bconstraint\s+[a-z_]+\s+(primary|unique|references|check)\b/gi, ''),
          ),
        )
        .map((part) => ({ at: table.at, found: `${table.name}: ${part}` })),
    ),

  /** Ids are drawn with the shard in their upper bits; the database's own numbering knows no shard. */
  'ids-carry-the-shard': (sql) =>
    find(sql.words, /\b(big|small)?serial\b|\bgenerated\s+(always|by\s+default)\s+as\s+identity\b/gi),

  /** It must work through a pooler that gives every transaction another session. */
  'no-session-state': (sql) =>
    find(
      sql.withoutComments,
      /\bcreate\s+(local\s+)?temp(orary)?\s|\bset\s+session\b|\bset_config\s*\([^()]*,\s*false\s*\)|\bwith\s+hold\b/gi,
    ),

  /** Partitions of the ledger are detached for the archive, never dropped. */
  'ledger-is-kept': (sql) =>
    find(sql.withoutComments, /\b(drop\s+table\s+(if\s+exists\s+)?|truncate\s+(table\s+)?)ledger\./gi),
};

export function lintSql(file: SqlFile): Finding[] {
  const sql = readSql(file.text);
  return Object.entries(SQL_RULES).flatMap(([rule, check]) =>
    check(sql, file).map(({ at, found }) => ({
      rule,
      path: file.path,
      line: lineOf(file.text, at),
      found: found.trim(),
    })),
  );
}

function find(text: string, pattern: RegExp): { at: number; found: string }[] {
  return [...text.matchAll(pattern)].map((match) => ({ at: match.index, found: match[0] }));
}

function rangeTablesOf(sql: SqlText): { name: string; body: string; at: number; column: string }[] {
  return tablesOf(sql).flatMap(({ name, body, tail, at }) => {
    const column = /\bpartition\s+by\s+range\s*\(([^)]*)\)/i.exec(tail)?.[1]?.trim();
    return column === undefined ? [] : [{ name, body, at, column }];
  });
}

function cutByAnotherColumn(sql: SqlText): { at: number; found: string }[] {
  return rangeTablesOf(sql)
    .filter(({ column }) => !/^([a-z]+_)*id$/.test(column))
    .map(({ at, name, column }) => ({ at, found: `${name} by ${column}` }));
}

function uniqueWithoutId(sql: SqlText): { at: number; found: string }[] {
  const indexes = [
    ...sql.withoutComments.matchAll(
      /\bcreate\s+unique\s+index\s+[^;]*?\bon\s+(?:only\s+)?(?:[a-z_]+\.)?([a-z0-9_]+)[^(]*\(([^;]*)/gi,
    ),
  ];
  return rangeTablesOf(sql).flatMap((table) => {
    const keys = [
      ...table.body.matchAll(/\b(?:primary\s+key|unique(?:\s+nulls\s+(?:not\s+)?distinct)?)\s*\(([^)]*)\)/gi),
    ];
    const unique = indexes.filter((match) => match[1] === table.name).map((match) => match[2] ?? '');
    return [...keys.map((match) => match[1] ?? ''), ...unique]
      .filter((columns) => !columns.split(/[^a-z0-9_]+/i).includes(table.column))
      .map((columns) => ({ at: table.at, found: `${table.name} (${columns})` }));
  });
}
