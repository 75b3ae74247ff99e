import type { Command } from 'commander';
import { ApiClient } from './api-client.js';
import { version } from './clone.js';
import { runsBare, type Bare } from './command.js';
import { configDiagnoses, nodeDiagnosis, stateDiagnoses, type Configuration } from './doctor-machine.js';
import { EXIT } from './exit-codes.js';
import type { Diagnosis } from './finding.js';
import { Output } from './output.js';
import { checkOutput, guessOutput } from './settings.js';

export function doctorCommand(program: Command): void {
  runsBare(program.command('doctor').description('what is wrong here, and how to mend it'), examine);
}

async function examine({ flags, path }: Bare): Promise<void> {
  const { env } = process;
  const isTerminal = process.stdout.isTTY === true;
  if (flags.output !== undefined) checkOutput(flags.output);
  const { diagnoses, configuration } = configDiagnoses(flags, path, env, isTerminal);
  const mode = configuration?.settings.output.value ?? guessOutput(['-o', flags.output ?? ''], env, {}, isTerminal);
  const all = [
    nodeDiagnosis(process.versions.node),
    ...diagnoses,
    ...(configuration === undefined ? [] : await serverDiagnoses(configuration)),
    ...stateDiagnoses(path),
  ];
  const findings = all.map(({ exit: _, ...finding }) => finding);
  new Output(mode).result(findings, () => all.map(line));
  // What comes first is what the rest may follow from.
  process.exitCode = all.find(({ status }) => status === 'problem')?.exit ?? EXIT.ok;
}

async function serverDiagnoses({ settings }: Configuration): Promise<Diagnosis[]> {
  // Loaded when they are needed, so that every other command starts without the sockets.
  const { endpointDiagnoses } = await import('./doctor-endpoint.js');
  const { keyDiagnosis, socketDiagnosis, typedKeyDiagnosis } = await import('./doctor-key.js');
  const endpoint = settings.endpoint.value;
  const token = settings.token?.value;
  const userAgent = `c4c/${version()}`;
  const { diagnoses, isReached } = await endpointDiagnoses(endpoint, version());
  const typed = typedKeyDiagnosis(token);
  if (typed !== undefined) return [...diagnoses, typed];
  if (!isReached || token === undefined) return diagnoses;
  const key = await keyDiagnosis(new ApiClient(endpoint, token, userAgent), token);
  // Sockets are for agents, and one for a key that is refused says no more than the refusal.
  const isForAgents = !/^c4c_(?:owner|admin)_/.test(token) && key.status !== 'problem';
  return [...diagnoses, key, ...(isForAgents ? [await socketDiagnosis(endpoint, token, userAgent)] : [])];
}

function line({ check, status, message, mend }: Diagnosis): string {
  return `${status.padEnd(7)}  ${check.padEnd(9)}  ${message}${mend === undefined ? '' : ` ${mend}`}`;
}
