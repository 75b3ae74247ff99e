import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { packageRoot, StartError } from '#platform';

const SECRET = 'secret';

/** C4C_HOME as a full path; a relative one counts from the clone, wherever the command was typed. */
export function homeFolder(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['C4C_HOME']?.trim() ?? '';
  return resolve(packageRoot(), given === '' ? '.c4c' : given);
}

/** Makes the folder that nobody else may enter.
 *  @throws {StartError} when it cannot be made or is no folder of ours */
export async function openHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    const { mode } = await stat(home);
    if ((mode & 0o077) !== 0) await chmod(home, 0o700);
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartError(
      `The folder ${home} cannot be used (${codeOf(error)}). Give it to the user who starts c4c, or choose another with C4C_HOME.`,
      { cause: error },
    );
  }
}

/** The secret under which API keys are hashed; made at the first start and never again, or all keys would be lost. */
export async function readSecret(home: string): Promise<string> {
  const file = join(home, SECRET);
  const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new StartError(`${file} may not be read (${codeOf(error)}). Start as the user who owns it.`);
  });
  if (known !== undefined) {
    if (known.trim().length < 32)
      throw new StartError(`${file} is damaged; without it no key works. Restore it from a backup of ${home}.`);
    return known.trim();
  }
  // A link fails when somebody else was faster, where a rename would replace what the other has used already.
  const draft = `${file}.draft-${String(process.pid)}`;
  await writeFile(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft, { force: true });
  return (await readFile(file, 'utf8')).trim();
}

/** Replaces a private file in one step: a crash leaves the old text or the new one. */
export async function writePrivate(file: string, text: string): Promise<void> {
  const draft = `${file}.draft-${String(process.pid)}`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, file);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
