import type { JsonObject } from '#kernel';
import type { PublishBody, UpdateServiceBody } from './services.dto.js';

/** What is kept of a publication until its owner has decided: plain JSON, amounts in hundredths as text. */
export function publishRequest(body: PublishBody): JsonObject {
  return plain(body);
}

export function updateRequest(changes: UpdateServiceBody): JsonObject {
  return plain(changes);
}

/** The publication again, as the agent had it. It was checked when it was asked for, and is ours since. */
export function approvedPublication(request: JsonObject): PublishBody {
  return fromPlain<PublishBody>(request);
}

/** The service's id and its changes, as the agent had them. */
export function approvedUpdate({ id, ...changes }: JsonObject): [id: bigint, changes: UpdateServiceBody] {
  return [BigInt(String(id)), fromPlain<UpdateServiceBody>(changes)];
}

function plain(body: PublishBody | UpdateServiceBody): JsonObject {
  const { price, ...rest } = body;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...(price === undefined ? {} : { price: String(price) }) };
}

function fromPlain<T extends { price?: bigint }>({ price, ...rest }: JsonObject): T {
  return { ...rest, ...(price === undefined ? {} : { price: BigInt(String(price)) }) } as T;
}
