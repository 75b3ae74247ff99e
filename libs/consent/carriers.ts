import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#kernel';
import type { AgentPrincipal } from '#owners';
import type { Action } from './consent.js';

/** Who spends: an agent, or the platform for it when its owner has approved (then no key came with the request). */
export type Spender = Pick<AgentPrincipal, 'agentId' | 'ownerId'> & { readonly keyId: bigint | undefined };

/** What carries out an approved request: the use case that the agent's own request goes through, with the approval in hand.
 *  It uses the approval up in the transaction that does the thing. @throws {Problem} why it cannot be done */
export type Carrier = (spender: Spender, request: JsonObject, approvalId: bigint) => Promise<unknown>;

/** Who carries out which action. The libs of the trades enter themselves. */
@Injectable()
export class Carriers {
  private readonly byAction = new Map<Action, Carrier>();

  add(action: Action, carrier: Carrier): void {
    if (this.byAction.has(action)) throw new Error(`two carry out ${action}`);
    this.byAction.set(action, carrier);
  }

  of(action: Action): Carrier {
    const carrier = this.byAction.get(action);
    if (carrier === undefined) throw new Error(`nobody carries out ${action}`);
    return carrier;
  }
}
