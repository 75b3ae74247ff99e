import { isJsonObject, type JsonObject } from '#kernel';

export type InvokeWish = {
  serviceId: bigint;
  input: JsonObject | undefined;
  maxPrice: bigint | undefined;
  key: string | undefined;
  /** Refuse when nothing would reach the provider now. */
  requireReachable?: boolean | undefined;
  /** The W3C trace context that the request came with. */
  traceparent?: string | undefined;
  /** What the caller's owner has approved. */
  approvalId?: bigint | undefined;
  /** False as soon as nobody waits for the answer: then nothing is held. */
  isWanted?: () => boolean;
};

/** What is kept of an invoke until its owner has decided: plain JSON, ids and amounts as text. */
export function invokeRequest({ serviceId, input, maxPrice, key, requireReachable }: InvokeWish): JsonObject {
  return {
    serviceId: String(serviceId),
    ...(input === undefined ? {} : { input }),
    ...(maxPrice === undefined ? {} : { maxPrice: String(maxPrice) }),
    ...(key === undefined ? {} : { key }),
    ...(requireReachable === true ? { requireReachable } : {}),
  };
}

/** The wish again, as the caller had it. */
export function approvedInvoke(request: JsonObject, approvalId: bigint): InvokeWish {
  const { serviceId, input, maxPrice, key, requireReachable } = request;
  return {
    serviceId: BigInt(String(serviceId)),
    input: isJsonObject(input) ? input : undefined,
    maxPrice: maxPrice === undefined ? undefined : BigInt(String(maxPrice)),
    key: typeof key === 'string' ? key : undefined,
    requireReachable: requireReachable === true,
    approvalId,
  };
}
