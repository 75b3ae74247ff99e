import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FieldError, JsonObject } from '#kernel';
import type { AgentPrincipal } from '#owners';
import { Database, httpProblems, isUniqueViolation, Metrics, notFound } from '#platform';
import { SchemaGuard } from './schema-guard.js';
import { SchemaPoolBusy } from './schema-pool.js';
import { ServiceLists } from './service-lists.js';
import { ServiceStore, type Published, type ServiceSpec } from './service.store.js';
import type { PublishBody, UpdateServiceBody } from './services.dto.js';
import { serviceProblems } from './services.problems.js';

const MAX_PENDING = 1_000;
const MAX_PENDING_PER_CALLER = 100;

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

@Injectable()
export class Publish {
  constructor(
    private readonly database: Database,
    private readonly store: ServiceStore,
    private readonly schemas: Schemas,
    private readonly lists: ServiceLists,
  ) {}

  /** Publishes a service, or revives and updates the owner's service of the same title; either way a new version.
   *  @throws {Problem} SCHEMA_NOT_ALLOWED, OVERLOADED */
  async publish({ ownerId, agentId }: AgentPrincipal, body: PublishBody): Promise<Published> {
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
    const published = await this.database.inTransaction((tx) => this.store.upsertByTitle(tx, ownerId, agentId, spec));
    this.lists.forget();
    return published;
  }

  /** Changes what is given, as a new version; invocations that are open keep theirs.
   *  @throws {Problem} NOT_FOUND, SCHEMA_NOT_ALLOWED, TITLE_TAKEN, OVERLOADED */
  async update(
    { ownerId, agentId }: AgentPrincipal,
    id: bigint,
    changes: UpdateServiceBody,
  ): Promise<{ id: bigint; version: number }> {
    await this.requireAllowed(ownerId, changes);
    try {
      const updated = await this.database.inTransaction(async (tx) => {
        const current = await this.store.lockOwn(tx, agentId, id);
        if (current === undefined) throw notFound();
        const version = current.version + 1;
        await this.store.update(tx, id, version, { ...current, ...given(changes) });
        return { id, version };
      });
      this.lists.forget();
      return updated;
    } catch (error) {
      if (isUniqueViolation(error, 'service_title_once')) {
        throw serviceProblems.TITLE_TAKEN(
          `The owner has another service with the title "${changes.title ?? ''}"; publish that one again to change it`,
        );
      }
      throw error;
    }
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
