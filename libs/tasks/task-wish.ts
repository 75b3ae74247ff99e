import type { JsonObject } from '#kernel';

export type TaskWish = {
  title: string;
  description: string;
  category: string;
  bounty: bigint;
  deadline?: Date | undefined;
  key: string | undefined;
  /** What the publisher's owner has approved. */
  approvalId?: bigint | undefined;
};

/** What is kept of a task until its owner has decided: plain JSON, the bounty in hundredths as text. */
export function taskRequest({ title, description, category, bounty, deadline, key }: TaskWish): JsonObject {
  return {
    title,
    description,
    category,
    bounty: String(bounty),
    ...(deadline === undefined ? {} : { deadline: deadline.toISOString() }),
    ...(key === undefined ? {} : { key }),
  };
}

/** The wish again, as the publisher had it. */
export function approvedTask(request: JsonObject, approvalId: bigint): TaskWish {
  const { title, description, category, bounty, deadline, key } = request;
  return {
    title: String(title),
    description: String(description),
    category: String(category),
    bounty: BigInt(String(bounty)),
    deadline: deadline === undefined ? undefined : new Date(String(deadline)),
    key: typeof key === 'string' ? key : undefined,
    approvalId,
  };
}
