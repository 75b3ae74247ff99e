import { EXIT, type ExitCode } from './exit-codes.js';

/** What `c4c doctor` has to say about one thing. Neither text holds a secret. */
export type Finding = {
  check: string;
  status: 'ok' | 'warning' | 'problem';
  message: string;
  /** What to do about it. */
  mend?: string;
};

/** A finding with how the command ends when it is the first problem. */
export type Diagnosis = Finding & { exit: ExitCode };

export function ok(check: string, message: string): Diagnosis {
  return { check, status: 'ok', message, exit: EXIT.ok };
}

export function warning(check: string, message: string, mend: string): Diagnosis {
  return { check, status: 'warning', message, mend, exit: EXIT.ok };
}

export function problem(check: string, exit: ExitCode, message: string, mend: string): Diagnosis {
  return { check, status: 'problem', message, mend, exit };
}
