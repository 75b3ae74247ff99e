import type { Command } from 'commander';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CliError } from './cli-error.js';
import { cloneFolder } from './clone.js';
import { runs } from './command.js';
import { EXIT } from './exit-codes.js';

export function backupCommands(program: Command): void {
  const backup = program.command('backup').description("write this clone's market into one file").argument('<file>');
  runs(backup, (_, [file = '']) => runTool('backup', file));
  const restore = program.command('restore').description('read such a file into a new cluster').argument('<file>');
  runs(restore, (_, [file = '']) => runTool('restore', file));
}

/** The tool needs the database and its packages; this command stays a client that speaks HTTP. */
async function runTool(action: 'backup' | 'restore', file: string): Promise<void> {
  const clone = cloneFolder();
  const tool = join(clone, 'dist', 'apps', 'standalone', 'backup.js');
  if (!existsSync(tool)) {
    throw new CliError(
      'NOT_BUILT',
      `${tool} is missing: run \`npm start\` or \`npm run build\` in ${clone}.`,
      EXIT.other,
    );
  }
  const child = spawn(process.execPath, [tool, action, resolve(file)], { cwd: clone, stdio: 'inherit' });
  // Ctrl-C reaches both; the tool decides when it has cleaned up.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.exitCode = await new Promise<number>((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => done(code ?? EXIT.other));
  });
}
