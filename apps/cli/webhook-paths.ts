import { idOf } from './command.js';

/** The agent's endpoints in the API. */
export const WEBHOOKS = '/agent/me/webhooks';

/** One of them. @throws {CliError} usage */
export function endpointPath(id: string | undefined): string {
  return `${WEBHOOKS}/${idOf(id, 'an endpoint')}`;
}
