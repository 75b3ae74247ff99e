import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Database, IdSource, InjectConfig, Lanes, type Config, type Lane } from '#platform';

/** An invocation to be opened: what the caller wants, and the ids that were drawn for it. */
export type OpenItem = {
  id: bigint;
  holdId: bigint;
  callerAgentId: bigint;
  callerOwnerId: bigint;
  /** The API key that the caller came with. */
  keyId: bigint | undefined;
  serviceId: bigint;
  version: number;
  maxPrice: bigint | undefined;
  /** JSON text. */
  input: string | null;
  key: string | undefined;
  fingerprint: Buffer | undefined;
  /** The caller's W3C trace context. */
  traceparent?: string | undefined;
};

export type OpenVerdict = {
  verdict:
    | 'opened'
    | 'replay'
    | 'key_reused'
    | 'key_ended'
    | 'service_not_found'
    | 'service_inactive'
    | 'provider_frozen'
    | 'caller_frozen'
    | 'own_service'
    | 'stale_version'
    | 'price_above_maximum'
    | 'insufficient_funds'
    | 'over_budget'
    | 'consent_needed'
    | 'approval_ended'
    | 'busy'
    | 'busy_with_caller'
    | 'again';
  invocationId: bigint;
  price: bigint | null;
  createdAt: Date;
  deadlineAt: Date;
  providerAgentId: bigint | null;
};

const COLUMNS = `verdict, invocation_id as "invocationId", price, created_at as "createdAt", deadline_at as "deadlineAt",
  provider_agent_id as "providerAgentId"`;

/** One text whatever the number of items. The bench sends the same one to measure the database alone. */
export const OPEN_STATEMENT = `select ${COLUMNS}
  from market.invocation_open($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[], $7::bigint[],
    $8::json[], $9::text[], $10::bytea[], $11, $12::bigint[], $13::text[])`;

/** The same for one item whose approval is at hand. */
const OPEN_APPROVED = OPEN_STATEMENT.replace('$13::text[]', '$13::text[], $14');

/** The lane to `market.invocation_open` (prisma/functions/30_invocation_open.sql). */
@Injectable()
export class OpenStore implements OnModuleDestroy {
  private readonly ids: IdSource;
  private readonly holdIds: IdSource;
  private readonly lane: Lane<OpenItem, OpenVerdict>;

  constructor(
    private readonly database: Database,
    lanes: Lanes,
    @InjectConfig() private readonly config: Config,
  ) {
    this.ids = new IdSource(database, 'market.invocation_id');
    this.holdIds = new IdSource(database, 'ledger.hold_id');
    this.lane = lanes.open<OpenItem, OpenVerdict>({
      name: 'invocation-open',
      text: OPEN_STATEMENT,
      values: (items) => this.valuesOf(items),
      isAgain: ({ verdict }) => verdict === 'again',
      recover: (item) => this.opened(item.id),
    });
  }

  /** Draws the ids and opens. Owners take turns; what nobody waits for any more when its turn comes is not opened.
   *  @throws {LaneFull | LaneClosed | LaneUnwanted} nothing was opened */
  async open(wish: Omit<OpenItem, 'id' | 'holdId'>, isWanted?: () => boolean): Promise<OpenVerdict> {
    const id = this.ids.nextHere() ?? (await this.ids.next());
    const holdId = this.holdIds.nextHere() ?? (await this.holdIds.next());
    const verdict = await this.lane.send({ ...wish, id, holdId }, { turn: wish.callerOwnerId, isWanted });
    // The lane had to repeat the call after a broken connection, and the call itself came through after all. This id was drawn
    // here, so nobody has heard of it before: it is no replay.
    const isOwn = verdict.verdict === 'replay' && verdict.invocationId === id;
    return isOwn ? { ...verdict, verdict: 'opened' } : verdict;
  }

  /** What the caller's owner has approved, in a call of its own. The approval is used up by it, so it happens once. */
  async openApproved(wish: Omit<OpenItem, 'id' | 'holdId'>, approvalId: bigint): Promise<OpenVerdict> {
    const item = { ...wish, id: await this.ids.next(), holdId: await this.holdIds.next() };
    const [verdict] = await this.database.query<OpenVerdict>(OPEN_APPROVED, [...this.valuesOf([item]), approvalId]);
    if (verdict === undefined) throw new Error('market.invocation_open answered nothing');
    return verdict;
  }

  async onModuleDestroy(): Promise<void> {
    await this.lane.close();
  }

  private valuesOf(items: readonly OpenItem[]): unknown[] {
    return [
      items.map((item) => item.id),
      items.map((item) => item.holdId),
      items.map((item) => item.callerAgentId),
      items.map((item) => item.callerOwnerId),
      items.map((item) => item.serviceId),
      items.map((item) => item.version),
      items.map((item) => item.maxPrice),
      items.map((item) => item.input),
      items.map((item) => item.key),
      items.map((item) => item.fingerprint),
      this.config.timeoutMinMs,
      items.map((item) => item.keyId),
      // Few callers trace: then one null is all that is sent and looked at.
      items.some(isTraced) ? items.map((item) => item.traceparent) : null,
    ];
  }

  private async opened(id: bigint): Promise<OpenVerdict | undefined> {
    const [row] = await this.database.query<OpenVerdict>(
      `select 'opened' as verdict, id as "invocationId", price, created_at as "createdAt", deadline_at as "deadlineAt",
        provider_agent_id as "providerAgentId"
      from market.invocation where id = $1`,
      [id],
    );
    return row;
  }
}

function isTraced({ traceparent }: OpenItem): boolean {
  return traceparent !== undefined;
}
