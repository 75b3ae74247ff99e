import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { shellsInWords, type FieldError, type JsonObject } from '#kernel';
import { Consent, quoted, type Ask, type Spender } from '#consent';
import { Database, httpProblems, isUniqueViolation, Metrics, notFound, type Tx } from '#platform';
import { SchemaGuard } from './schema-guard.js';
import { SchemaPoolBusy } from './schema-pool.js';
import { publishRequest, updateRequest } from './service-request.js';
import { ServiceLists } from './service-lists.js';
import { ServiceStore, type Published, type ServiceSpec } from './service.store.js';
import type { PublishBody, UpdateServiceBody } from './services.dto.js';
import { serviceProblems } from './services.problems.js';

const MAX_PENDING = 1_000;
const MAX_PENDING_PER_CALLER = 100;
// An owner who changes a policy again and again does not hold an agent here.
const CONSENT_TRIES = 3;

/** The one guard of all schemas, with its threads. */
@Injectable()
export class Schemas extends SchemaGuard implements OnModuleDestroy {
  constructor(metrics: Metrics) {
    super();
    metrics.gauge(
      'c4c_schema_queue_depth',
      'Values and schemas that wait for a thread to check them.',
      () => this.depth,
    );
  }

  async onModuleDestroy(): Promise<void> {
    await this.close();
  }
}

/** What is asked of an owner about something that spends nothing; `rule` where another action's rule asks. */
type Question = Pick<Ask, 'action' | 'amount' | 'what' | 'request'> & { rule?: Ask['action'] | undefined };

@Injectable()
export class Publish {
  constructor(
    private readonly database: Database,
    private readonly store: ServiceStore,
    private readonly schemas: Schemas,
    private readonly lists: ServiceLists,
    private readonly consent: Consent,
  ) {}

  /** Publishes a service, or revives and updates the owner's service of the same title; either way a new version.
   *  @param approvalId what the owner has approved
   *  @throws {Problem} SCHEMA_NOT_ALLOWED, OVERLOADED, APPROVAL_REQUIRED and what else Consent says */
  async publish(spender: Spender, body: PublishBody, approvalId?: bigint): Promise<Published> {
    const { ownerId, agentId } = spender;
    const spec: ServiceSpec = {
      title: body.title,
      description: body.description,
      category: body.category,
      price: body.price,
      avgResponseMs: body.avgResponseMs,
      inputSchema: body.inputSchema ?? null,
      outputSchema: body.outputSchema ?? null,
      maxPending: body.maxPending ?? MAX_PENDING,
      maxPendingPerCaller: body.maxPendingPerCaller ?? MAX_PENDING_PER_CALLER,
    };
    await this.requireAllowed(ownerId, body);
    const ask: Question = {
      action: 'publish',
      amount: body.price,
      what: () => `publish ${quoted(body.title)} for ${shellsInWords(body.price)}`,
      request: publishRequest(body),
    };
    return this.withConsent(spender, ask, approvalId, async (tx) => {
      ask.rule = undefined;
      if (!(await this.consent.may(tx, agentId, 'publish', body.price, approvalId))) return undefined;
      // Published again at another price, it is a change of the price as well.
      const before = await this.store.priceOf(tx, ownerId, body.title);
      if (approvalId === undefined && before !== undefined && before !== body.price) {
        ask.rule = 'price_change';
        if (!(await this.consent.may(tx, agentId, 'price_change', body.price, undefined))) return undefined;
      }
      const made = await this.store.upsertByTitle(tx, ownerId, agentId, spec);
      await this.consent.use(tx, approvalId, made.id);
      return made;
    });
  }

  /** Changes what is given, as a new version; invocations that are open keep theirs.
   *  @param approvalId what the owner has approved
   *  @throws {Problem} NOT_FOUND, SCHEMA_NOT_ALLOWED, TITLE_TAKEN, OVERLOADED, APPROVAL_REQUIRED and what else Consent says */
  async update(
    spender: Spender,
    id: bigint,
    changes: UpdateServiceBody,
    approvalId?: bigint,
  ): Promise<{ id: bigint; version: number }> {
    const { ownerId, agentId } = spender;
    await this.requireAllowed(ownerId, changes);
    const price = changes.price ?? 0n;
    let title = '';
    const ask = {
      action: 'price_change' as const,
      amount: price,
      what: () => `change the price of ${quoted(title)} to ${shellsInWords(price)}`,
      request: { id: String(id), ...updateRequest(changes) },
    };
    try {
      return await this.withConsent(spender, ask, approvalId, async (tx) => {
        const current = await this.store.lockOwn(tx, agentId, id);
        if (current === undefined) throw notFound();
        ({ title } = current);
        const isPriceChange = changes.price !== undefined && changes.price !== current.price;
        const asks = isPriceChange || approvalId !== undefined;
        if (asks && !(await this.consent.may(tx, agentId, 'price_change', price, approvalId))) return undefined;
        const version = current.version + 1;
        await this.store.update(tx, id, version, { ...current, ...given(changes) });
        await this.consent.use(tx, approvalId, id);
        return { id, version };
      });
    } catch (error) {
      if (isUniqueViolation(error, 'service_title_once')) {
        throw serviceProblems.TITLE_TAKEN(
          `The owner has another service with the title "${changes.title ?? ''}"; publish that one again to change it`,
        );
      }
      throw error;
    }
  }

  /** Does it in one transaction, or asks the owner when `work` finds that it may not and returns undefined. */
  private async withConsent<T>(
    spender: Spender,
    ask: Question,
    approvalId: bigint | undefined,
    work: (tx: Tx) => Promise<T | undefined>,
  ): Promise<T> {
    for (let tries = 0; tries < CONSENT_TRIES; tries += 1) {
      const done = await this.database.inTransaction(work);
      if (done !== undefined) {
        this.lists.forget();
        return done;
      }
      if (approvalId !== undefined) throw this.consent.ended();
      const refusal = await this.consent.ask(spender, {
        ...ask,
        category: null,
        counterpartyAgentId: null,
        key: undefined,
      });
      if (refusal !== undefined) throw refusal;
    }
    throw overloaded(new Error('the policy changed with every try'));
  }

  /** Takes the service off the market's list, or puts it back; invocations that are open run to their end.
   *  @throws {Problem} NOT_FOUND */
  async setActive(agentId: bigint, id: bigint, isActive: boolean): Promise<void> {
    if (!(await this.store.setActive(agentId, id, isActive))) throw notFound();
    this.lists.forget();
  }

  private async requireAllowed(
    ownerId: bigint,
    { inputSchema, outputSchema }: { inputSchema?: JsonObject; outputSchema?: JsonObject },
  ): Promise<void> {
    let errors: FieldError[];
    try {
      errors = [
        ...(await this.schemas.check(inputSchema, 'inputSchema', `owner ${ownerId}`)),
        ...(await this.schemas.check(outputSchema, 'outputSchema', `owner ${ownerId}`)),
      ];
    } catch (error) {
      if (error instanceof SchemaPoolBusy) throw overloaded(error);
      throw error;
    }
    if (errors.length > 0) {
      throw serviceProblems.SCHEMA_NOT_ALLOWED('A schema is outside of what services may publish; see errors', {
        errors,
      });
    }
  }
}

export function overloaded(cause: unknown): Error {
  return httpProblems.OVERLOADED('The server has more waiting than it takes; repeat the request in a moment', {
    retryAfterS: 1,
    cause,
  });
}

/** The members that are not undefined, so that spreading them changes only what was given. */
function given<T extends object>(changes: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
