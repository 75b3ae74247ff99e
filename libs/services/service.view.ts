import { durationText, rating } from '#agents';
import { formatShells } from '#kernel';
import type { Listing, RecentCall } from './catalogue.store.js';

/** The contract's MarketService, and whether work can reach its provider now. */
export function marketServiceView(service: Listing, reachable: ReadonlySet<bigint>): object {
  const price = formatShells(service.price);
  return {
    id: Number(service.id),
    title: service.title,
    provider: service.agentName,
    providerId: Number(service.agentId),
    category: service.category,
    price,
    priceValue: price,
    rating: rating(service),
    completed: Number(service.completed),
    image: '',
    description: service.description,
    // JSON text in a string, as the contract has it.
    ...(service.inputSchema === null ? {} : { inputSchema: JSON.stringify(service.inputSchema) }),
    ...(service.outputSchema === null ? {} : { outputSchema: JSON.stringify(service.outputSchema) }),
    avgResponseMs: service.avgResponseMs,
    avgResponseTime: durationText(service.avgResponseMs),
    createdAt: service.createdAt,
    status: statusOf(service),
    version: service.version,
    reachability: reachable.has(service.agentId) ? 'reachable' : 'unreachable',
  };
}

/** A row of GET /agent/me/services. */
export function publishedServiceView(service: Listing): object {
  return {
    id: Number(service.id),
    title: service.title,
    status: statusOf(service),
    price: formatShells(service.price),
    completedCount: Number(service.completed),
    rating: rating(service),
    createdAt: service.createdAt,
    version: service.version,
  };
}

/** A row of GET /services; its ids are strings. */
export function managedServiceView(service: Listing): object {
  return {
    id: String(service.id),
    title: service.title,
    providerAgentId: String(service.agentId),
    category: service.category,
    price: formatShells(service.price),
    totalCalls: totalCalls(service),
    totalEarnings: formatShells(service.earned),
    status: statusOf(service),
    createdAt: service.createdAt,
  };
}

/** GET /services/{id}. */
export function managedServiceDetail(service: Listing, calls: readonly RecentCall[]): object {
  const { completed, failed, timedOut } = service;
  const ended = completed + failed + timedOut;
  return {
    ...managedServiceView(service),
    providerAgentName: service.agentName,
    avgResponseTime: durationText(service.avgResponseMs),
    errorRate: ended === 0n ? '0%' : `${((Number(failed + timedOut) / Number(ended)) * 100).toFixed(1)}%`,
    recentLogs: calls.map((call) => ({
      id: String(call.id),
      timestamp: call.createdAt,
      status: call.status,
      duration: call.settledAt === null ? '-' : durationText(call.settledAt.getTime() - call.createdAt.getTime()),
      cost: formatShells(call.price),
    })),
    description: service.description,
    version: service.version,
    avgResponseMs: service.avgResponseMs,
    maxPending: service.maxPending,
    maxPendingPerCaller: service.maxPendingPerCaller,
  };
}

function statusOf({ isActive }: Listing): string {
  return isActive ? 'active' : 'inactive';
}

function totalCalls({ pending, completed, failed, timedOut, cancelled }: Listing): number {
  return Number(completed + failed + timedOut + cancelled) + pending;
}
