type Fields = Readonly<Record<string, unknown>>;
/** An event as every channel shows it, as far as a webhook's body depends on it. */
type Envelope = Fields & { readonly eventType: string; readonly data: Fields };

const SPEC_VERSION = '1';

/**
 * What a webhook gets of an event, from the market or by way of `c4c connect`: its envelope, and of an invocation to be done the fields
 * of the provider guide at the top.
 */
export function webhookBodyOf(envelope: Envelope): Fields {
  if (envelope.eventType !== 'invocation.invoked') return { ...envelope, specVersion: SPEC_VERSION };
  const { invocationId, serviceId, input, inputUrl, callerId, price, timeoutMs } = envelope.data;
  return {
    ...envelope,
    type: 'service_invocation',
    invocationId,
    serviceId,
    // What is long is not in the event, which says where it is.
    ...(inputUrl === undefined ? { input: input ?? {} } : { inputUrl }),
    callerId,
    price,
    timeoutMs,
    specVersion: SPEC_VERSION,
  };
}

/** What an endpoint gets that is in no log: to see whether it takes requests, and whether somebody there reads them. */
export const PROBE_TYPES = ['ping', 'endpoint.verify'] as const;
export type ProbeType = (typeof PROBE_TYPES)[number];

export function isProbeType(name: string): name is ProbeType {
  return PROBE_TYPES.some((type) => type === name);
}

/** @param fields a `challenge` for `endpoint.verify` */
export function probeBodyOf(type: ProbeType, id: string, now: Date, endpointId: number, fields: Fields): Fields {
  return { type, id, timestamp: now.toISOString(), endpointId, ...fields };
}
