import { rowOf, type Row } from './answer.js';
import { reasonOf } from './cli-error.js';
import type { Delivery } from './connect-frame.js';
import type { Outcome, Target } from './connect-target.js';

/**
 * A long input is not in its event: it is fetched before the event is handed on, so that a program gets every input the same way.
 * The key goes to the market that `connect` talks to, never to an address that an event names.
 */
export class WholeInput implements Target {
  readonly name: string;
  private readonly whole = new WeakMap<Delivery, Delivery>();

  /** @param read the invocation, as the API shows it */
  constructor(
    private readonly target: Target,
    private readonly read: (invocationId: number) => Promise<unknown>,
  ) {
    this.name = target.name;
  }

  async hand(delivery: Delivery, attempt: number): Promise<Outcome> {
    let whole = this.whole.get(delivery);
    try {
      whole ??= await this.fill(delivery);
    } catch (error) {
      return { kind: 'again', reason: `its input: ${reasonOf(error)}` };
    }
    // Further tries need not fetch it again.
    this.whole.set(delivery, whole);
    return this.target.hand(whole, attempt);
  }

  end(): void {
    this.target.end();
  }

  private async fill(delivery: Delivery): Promise<Delivery> {
    const { invocationId, body } = delivery;
    const { inputUrl, ...data } = rowOf(body['data']);
    if (inputUrl === undefined || invocationId === undefined) return delivery;
    const { input } = rowOf(await this.read(invocationId));
    return { ...delivery, body: bodyWith(input ?? null, body, data) };
  }
}

/** The body as it would be if the input were short. */
function bodyWith(input: unknown, { inputUrl: _, ...body }: Row, data: Row): Row {
  return { ...body, input: input ?? {}, data: { ...data, input } };
}
