/** What a hold was taken for: an invocation, a task or an employment, as the ledger's rows name it. */
export type Subject = { subjectKind: string | null; subjectId: bigint | null };

const NAMES = { invocation: 'invocationId', task: 'taskId', employment: 'employmentId' } as const;

/** One field with its id, under the name of its kind; none where money came from outside. */
export function subjectView({ subjectKind, subjectId }: Subject): object {
  const name = NAMES[subjectKind as keyof typeof NAMES];
  return name === undefined || subjectId === null ? {} : { [name]: Number(subjectId) };
}

/** The cell of a file for one kind. */
export function subjectCell({ subjectKind, subjectId }: Subject, kind: keyof typeof NAMES): string {
  return subjectKind === kind && subjectId !== null ? String(subjectId) : '';
}
