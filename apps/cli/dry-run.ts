import { rowOf, shells, textOf, type Row } from './answer.js';
import type { ApiClient } from './api-client.js';
import { CliError } from './cli-error.js';
import { reasonsInWords } from './consent.view.js';
import { EXIT, exitCodeFor, type ExitCode } from './exit-codes.js';
import type { Session } from './session.js';
import { pairs, type Pair } from './table.js';

/** Asks what a spend would come to now. Nothing is done. @throws {ApiError} what would be refused whatever it costs */
export async function dryRun(api: ApiClient, path: string, body: object): Promise<Row> {
  const row = rowOf(await api.data({ method: 'POST', path, body: { ...body, dryRun: true } }));
  if (row['dryRun'] === true) return row;
  throw new CliError(
    'BAD_ANSWER',
    `${api.endpoint} knows no dry runs, and may have done what was asked: look before you repeat it.`,
    EXIT.other,
  );
}

/** Prints what it would come to, and exits as the refusal would. */
export function printDryRun(session: Session, row: Row): void {
  session.out.result(row, () =>
    pairs([['Charge', chargeOf(row)], ...consentPairs(row), ...walletPairs(row), ['Outcome', outcomeOf(row)]]),
  );
  process.exitCode = exitOfDryRun(row);
}

export function exitOfDryRun(row: Row): ExitCode {
  const outcome = textOf(row, 'outcome') ?? '';
  return outcome === 'OK' ? EXIT.ok : exitCodeFor(0, outcome);
}

/** What a question adds where the spend is not simply paid: who is asked first, and how far the budget reaches. */
export function consentPairs(row: Row): Pair[] {
  const left = shells(row['budgetRemaining']);
  return [
    ['Consent', row['needsConsent'] === true ? `your owner is asked first: ${reasonsInWords(row)}` : undefined],
    ['Budget', left === undefined ? undefined : `${left} left`],
  ];
}

function walletPairs(row: Row): Pair[] {
  return [['Balance', shells(row['ownerAvailable'])]];
}

function chargeOf(row: Row): string {
  return row['charge'] === '0' ? 'nothing' : `${shells(row['charge'])}`;
}

function outcomeOf(row: Row): string {
  const outcome = textOf(row, 'outcome') ?? '';
  return OUTCOMES[outcome] ?? outcome;
}

const OUTCOMES: Readonly<Record<string, string>> = {
  OK: 'it would be done; nothing was',
  APPROVAL_REQUIRED: 'the owner would be asked (APPROVAL_REQUIRED); nothing was done',
  BUDGET_EXCEEDED: 'the budget does not cover it (BUDGET_EXCEEDED); nothing was done',
  INSUFFICIENT_FUNDS: 'the wallet has too little (INSUFFICIENT_FUNDS); nothing was done',
};
