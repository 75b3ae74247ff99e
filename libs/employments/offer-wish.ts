import type { JsonObject } from '#kernel';

export type OfferWish = {
  employeeAgentId: bigint;
  salary: bigint;
  duration: number | undefined;
  stakeAmount: bigint | undefined;
  key: string | undefined;
  /** What the employer's owner has approved. */
  approvalId?: bigint | undefined;
};

/** What is kept of an offer until its owner has decided: plain JSON, ids and amounts as text. */
export function offerRequest({ employeeAgentId, salary, duration, stakeAmount, key }: OfferWish): JsonObject {
  return {
    employeeAgentId: String(employeeAgentId),
    salary: String(salary),
    ...(duration === undefined ? {} : { duration }),
    ...(stakeAmount === undefined ? {} : { stakeAmount: String(stakeAmount) }),
    ...(key === undefined ? {} : { key }),
  };
}

/** The wish again, as the employer had it. */
export function approvedOffer(request: JsonObject, approvalId: bigint): OfferWish {
  const { employeeAgentId, salary, duration, stakeAmount, key } = request;
  return {
    employeeAgentId: BigInt(String(employeeAgentId)),
    salary: BigInt(String(salary)),
    duration: typeof duration === 'number' ? duration : undefined,
    stakeAmount: stakeAmount === undefined ? undefined : BigInt(String(stakeAmount)),
    key: typeof key === 'string' ? key : undefined,
    approvalId,
  };
}
