import { open } from 'node:fs/promises';
import { StartError } from './start-error.js';

export type Failure = { error: StartError; mayPass: boolean; portTaken: boolean };

const READ_MAX = 64 * 1024;
const SENTENCES: readonly { sign: RegExp; sentence: string }[] = [
  {
    sign: /No space left on device|could not extend file/,
    sentence: 'The disk is full. Make room and start again; nothing is lost.',
  },
  {
    sign: /Permission denied|Operation not permitted/,
    sentence:
      'It may not read or write its own files. Give the folder back to the user who starts c4c, or choose another C4C_HOME.',
  },
  {
    sign: /Cannot allocate memory|could not map anonymous shared memory|could not create shared memory/,
    sentence: 'This machine has too little free memory. Stop something, or set DATABASE_URL to a server elsewhere.',
  },
  {
    sign: /database files are incompatible with server/,
    sentence:
      'The data was made by another PostgreSQL. Back it up with the c4c that made it and restore that into a new C4C_HOME.',
  },
  {
    sign: /error while loading shared libraries|not found \(required by|No such file or directory: .*ld-/,
    sentence: 'The bundled PostgreSQL does not run on this system. Set DATABASE_URL to a server of your own.',
  },
];
const DAMAGED =
  'The data folder is damaged. Restore a backup into another C4C_HOME (c4c restore FILE), or move the folder away to begin anew.';

/** Turns what PostgreSQL printed into one sentence with what to do. */
export function explainPostgres(
  output: string,
  what: string,
  otherwise = 'Set DATABASE_URL to a server of your own, or report this.',
): StartError {
  const line = firstComplaint(output);
  const advice = SENTENCES.find(({ sign }) => sign.test(output))?.sentence ?? otherwise;
  return new StartError(`${what}${line === '' ? '' : ` (${line})`}. ${advice}`);
}

/** Reads what the server wrote in its last start. */
export async function whyPostgresDidNotStart(
  logFile: string,
  from: number,
  { dataFolder, answer }: { dataFolder: string; answer: 'stranger' | 'ended' | 'silent' },
): Promise<Failure> {
  const output = await tail(logFile, from);
  const portTaken = /could not bind|could not create any TCP\/IP sockets/.test(output);
  const leftovers = /pre-existing shared memory block|lock file .* already exists/.test(output);
  if (answer === 'stranger') {
    const error = new StartError(
      `The database in ${dataFolder} does not accept the password in postgres.json. Restore that file from a backup of C4C_HOME.`,
    );
    return { error, mayPass: false, portTaken };
  }
  const what =
    answer === 'silent'
      ? `The database in ${dataFolder} does not answer`
      : `The database in ${dataFolder} does not start`;
  const error = explainPostgres(
    output,
    what,
    answer === 'silent' ? `See ${logFile}.` : `${DAMAGED} Its log: ${logFile}`,
  );
  return { error, mayPass: portTaken || leftovers, portTaken };
}

function firstComplaint(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const complaint =
    lines.find((line) => /\b(PANIC|FATAL|ERROR)\b|error:|could not/.test(line)) ??
    lines.find((line) => line !== '') ??
    '';
  return complaint.replace(/^.*?\b(PANIC|FATAL|ERROR):\s*/, '').slice(0, 200);
}

async function tail(file: string, from: number): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(READ_MAX), 0, READ_MAX, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
