import type { AgentPrincipal } from '#owners';
import type { EgressResult } from '#platform';
import type { Endpoint } from './endpoint.store.js';

const RESPONSE_SHOWN = 1_024;

/** A query may hold a secret: whoever may not change the endpoint sees that there is one, and not what it is. */
export function endpointView({ agentId: _, ownerId: __, ...endpoint }: Endpoint, { scopes }: AgentPrincipal): object {
  return {
    ...endpoint,
    id: Number(endpoint.id),
    url: scopes.includes('profile') ? endpoint.url : endpoint.url.replace(/\?.+$/, '?…'),
    eventTypes: endpoint.eventTypes ?? [],
    secrets: endpoint.secrets.map(({ id, createdAt, expiresAt }) => ({
      id,
      createdAt: new Date(createdAt),
      expiresAt: expiresAt === null ? null : new Date(expiresAt),
    })),
  };
}

/** What came of a call: `isDelivered` as a delivery would have been judged. */
export function callView(result: EgressResult): object {
  const { timings } = result;
  if (result.kind === 'failed') {
    const { reason, detail } = result;
    return { isDelivered: false, statusCode: null, reason, detail, timings, response: null };
  }
  const { status, body } = result;
  const response = body.subarray(0, RESPONSE_SHOWN).toString('utf8').replaceAll('\0', '\uFFFD');
  return {
    isDelivered: status >= 200 && status <= 299,
    statusCode: status,
    reason: null,
    detail: null,
    timings,
    response,
  };
}
