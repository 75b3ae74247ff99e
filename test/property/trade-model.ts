/** What the ledger must do, in plain words of TypeScript: one invocation after the other, no batches, no locks, no database. */
export class TradeModel {
  readonly wallets = new Map<bigint, { available: bigint; held: bigint }>();
  readonly invocations = new Map<bigint, ModelInvocation>();
  readonly services = new Map<bigint, ModelService>();
  private readonly keys = new Map<string, { print: string; id: bigint }>();
  private readonly deposits = new Map<bigint, { owner: bigint; amount: bigint; isReversed: boolean }>();
  nowMs = 0;
  /** Basis points of each category, as they are now. */
  readonly fees = new Map<string, bigint>();

  /** Another one with the same contents; what happens to one does not happen to the other. */
  copy(): TradeModel {
    const other = new TradeModel();
    other.nowMs = this.nowMs;
    for (const [id, wallet] of this.wallets) other.wallets.set(id, { ...wallet });
    for (const [id, invocation] of this.invocations) other.invocations.set(id, { ...invocation });
    for (const [id, service] of this.services) other.services.set(id, { ...service });
    for (const [key, kept] of this.keys) other.keys.set(key, { ...kept });
    for (const [id, deposit] of this.deposits) other.deposits.set(id, { ...deposit });
    for (const [category, rate] of this.fees) other.fees.set(category, rate);
    return other;
  }

  deposit(transfer: bigint, owner: bigint, amount: bigint): void {
    this.wallet(owner).available += amount;
    this.deposits.set(transfer, { owner, amount, isReversed: false });
  }

  reverse(transfer: bigint): string {
    const deposit = this.deposits.get(transfer);
    if (deposit === undefined) return 'not_found';
    if (deposit.isReversed) return 'already_reversed';
    const wallet = this.wallet(deposit.owner);
    if (wallet.available < deposit.amount) return 'insufficient_funds';
    wallet.available -= deposit.amount;
    deposit.isReversed = true;
    return 'done';
  }

  open(wish: ModelWish): string {
    const service = this.services.get(wish.service);
    if (service === undefined) return 'service_not_found';
    const kept = wish.key === null ? undefined : this.keys.get(`${wish.caller} ${wish.key}`);
    if (kept !== undefined) return kept.print === wish.print ? 'replay' : 'key_reused';
    if (service.agent === wish.caller) return 'own_service';
    if (wish.version !== service.version) return 'stale_version';
    const price = service.owner === wish.owner ? 0n : service.price;
    if (wish.maxPrice !== null && price > wish.maxPrice) return 'price_above_maximum';
    const pending = [...this.invocations.values()].filter(
      (one) => one.service === wish.service && one.status === 'pending',
    );
    if (pending.length >= service.maxPending) return 'busy';
    if (pending.filter(({ caller }) => caller === wish.caller).length >= service.maxPendingPerCaller) return 'busy';
    const wallet = this.wallet(wish.owner);
    if (wallet.available < price) return 'insufficient_funds';
    wallet.available -= price;
    wallet.held += price;
    if (wish.key !== null) this.keys.set(`${wish.caller} ${wish.key}`, { print: wish.print, id: wish.id });
    this.invocations.set(wish.id, {
      service: wish.service,
      caller: wish.caller,
      payer: wish.owner,
      provider: service.agent,
      payee: service.owner,
      price,
      feeBps: this.fees.get(service.category) ?? 0n,
      status: 'pending',
      isCancelled: false,
      isAcknowledged: false,
      stars: null,
      deadlineMs: this.nowMs + 2 * service.avgResponseMs,
      print: null,
    });
    return 'opened';
  }

  /** What a key bought: the answer to every repetition. */
  boughtBy(caller: bigint, key: string | null): { id: bigint; price: bigint } | undefined {
    const id = this.keys.get(`${caller} ${key}`)?.id;
    const found = id === undefined ? undefined : this.invocations.get(id);
    return id === undefined || found === undefined ? undefined : { id, price: found.price };
  }

  acknowledge(id: bigint): void {
    const found = this.invocations.get(id);
    if (found?.status === 'pending' && this.nowMs < found.deadlineMs) found.isAcknowledged = true;
  }

  close(id: bigint, action: ModelAction, actor: bigint | null, print: string | null): string {
    const found = this.invocations.get(id);
    if (found === undefined) return 'not_found';
    const isSubmit = action === 'complete' || action === 'fail';
    if (isSubmit && actor !== found.provider) return 'not_found';
    if (action === 'cancel' && actor !== found.caller) return 'not_found';
    if (found.status !== 'pending') {
      if (isSubmit && found.print !== null && found.print === print) return 'replay';
      if (action === 'cancel' && found.isCancelled) return 'replay';
      return action !== 'expire' && found.status === 'timeout' ? 'deadline_passed' : 'already_settled';
    }
    const isPast = this.nowMs >= found.deadlineMs;
    if (action === 'expire' && !isPast) return 'not_due';
    if (isPast) {
      this.settle(found, 'timeout');
      return action === 'expire' ? 'closed' : 'deadline_passed';
    }
    if (action === 'cancel' && found.isAcknowledged) return 'already_acknowledged';
    if (isSubmit) found.print = print;
    found.isCancelled = action === 'cancel';
    this.settle(found, action === 'complete' ? 'completed' : 'failed');
    return 'closed';
  }

  review(id: bigint, caller: bigint, stars: number): string {
    const found = this.invocations.get(id);
    if (found === undefined || found.caller !== caller) return 'not_found';
    if (found.status !== 'completed') return 'not_completed';
    if (found.stars !== null) return 'already_reviewed';
    found.stars = stars;
    return 'reviewed';
  }

  /** What the market shows of a service: between agents of one owner nothing is charged and nothing counts. */
  figures(service: bigint): Record<string, bigint> {
    const counted = [...this.invocations.values()].filter((one) => one.service === service && one.price > 0n);
    const count = (fits: (one: ModelInvocation) => boolean): bigint => BigInt(counted.filter(fits).length);
    const sum = (of: (one: ModelInvocation) => bigint): bigint => counted.reduce((total, one) => total + of(one), 0n);
    return {
      completed: count(({ status }) => status === 'completed'),
      failed: count(({ status, isCancelled }) => status === 'failed' && !isCancelled),
      timed_out: count(({ status }) => status === 'timeout'),
      cancelled: count(({ isCancelled }) => isCancelled),
      earned: sum((one) => (one.status === 'completed' ? earned(one) : 0n)),
      stars: sum(({ stars }) => BigInt(stars ?? 0)),
      reviews: count(({ stars }) => stars !== null),
    };
  }

  wallet(owner: bigint): { available: bigint; held: bigint } {
    const known = this.wallets.get(owner) ?? { available: 0n, held: 0n };
    this.wallets.set(owner, known);
    return known;
  }

  private settle(found: ModelInvocation, status: ModelInvocation['status']): void {
    found.status = status;
    const payer = this.wallet(found.payer);
    payer.held -= found.price;
    if (status === 'completed') this.wallet(found.payee).available += earned(found);
    else payer.available += found.price;
  }
}

function earned({ price, feeBps }: ModelInvocation): bigint {
  return price - (price * feeBps) / 10_000n;
}

export type ModelAction = 'complete' | 'fail' | 'cancel' | 'expire';
export type ModelService = {
  agent: bigint;
  owner: bigint;
  category: string;
  price: bigint;
  version: number;
  avgResponseMs: number;
  maxPending: number;
  maxPendingPerCaller: number;
};
export type ModelWish = {
  id: bigint;
  caller: bigint;
  owner: bigint;
  service: bigint;
  version: number;
  maxPrice: bigint | null;
  key: string | null;
  print: string;
};
export type ModelInvocation = {
  service: bigint;
  caller: bigint;
  payer: bigint;
  provider: bigint;
  payee: bigint;
  price: bigint;
  feeBps: bigint;
  status: 'pending' | 'completed' | 'failed' | 'timeout';
  isCancelled: boolean;
  isAcknowledged: boolean;
  stars: number | null;
  deadlineMs: number;
  print: string | null;
};
