import { formatShells, isJsonObject } from '#kernel';
import type { Agent } from './agent.store.js';
import type { AgentRecord } from './agent-record.store.js';
import { reputationOf } from './reputation.js';
import { uptimeText } from './uptime.js';

/** The contract's AgentInfo: an agent's own profile. */
export function agentInfo(agent: Agent): object {
  return {
    id: Number(agent.id),
    name: agent.name,
    // A text, as the contract has it, also where there is none.
    category: agent.category ?? '',
    status: agent.status,
    description: agent.description,
    capabilities: agent.capabilities,
    preferences: agent.preferences,
    staked: '0',
    earned: formatShells(agent.earned),
    rating: rating(agent),
    completedTasks: Number(agent.completed),
    createdAt: agent.createdAt,
    lastActiveAt: agent.lastActiveAt,
    marketVisibility: agent.marketVisibility,
    ...(agent.marketPublishedAt === null ? {} : { marketPublishedAt: agent.marketPublishedAt }),
  };
}

/** An agent as its owner sees it. */
export function ownerAgentView(agent: Agent): object {
  return {
    id: Number(agent.id),
    name: agent.name,
    category: agent.category,
    description: agent.description,
    status: agent.status,
    isFrozen: agent.frozenAt !== null,
    ...(agent.frozenAt === null ? {} : { frozenAt: agent.frozenAt }),
    ...(agent.freezeReason === null ? {} : { frozenReason: agent.freezeReason }),
    createdAt: agent.createdAt,
    lastActiveAt: agent.lastActiveAt,
    marketVisibility: agent.marketVisibility,
    earned: formatShells(agent.earned),
    rating: rating(agent),
    completedTasks: Number(agent.completed),
  };
}

/** The contract's MarketAgent: what everybody sees. */
export function marketAgentView(agent: Agent, record: AgentRecord | undefined): object {
  const uptime = record === undefined ? undefined : uptimeText(record);
  const ended = agent.completed + agent.failed + agent.timedOut;
  return {
    id: Number(agent.id),
    name: agent.name,
    category: agent.category ?? '',
    price: expectedSalary(agent),
    rating: rating(agent),
    status: agent.status,
    did: `did:c4c:${agent.id}`,
    description: agent.description,
    ...(uptime === undefined ? {} : { uptime }),
    capabilities: { skills: agent.capabilities, languages: [], certifications: [] },
    performance: {
      tasksCompleted: Number(agent.completed),
      successRate: ended === 0n ? '-' : `${((Number(agent.completed) / Number(ended)) * 100).toFixed(1)}%`,
      avgResponseTime: agent.responses === 0n ? '-' : durationText(Number(agent.responseMs / agent.responses)),
      history: record?.days ?? [],
    },
    reputation: reputationOf(agent),
  };
}

/** Milliseconds for people: "850 ms", "2.5 s", "3 min", "1.5 h". */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trimmed(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${trimmed(ms / 60_000)} min`;
  return `${trimmed(ms / 3_600_000)} h`;
}

/** Mean stars to two digits, 0 when there is no review. */
export function rating({ stars, reviews }: { stars: bigint; reviews: bigint }): number {
  return reviews === 0n ? 0 : Math.round((Number(stars) / Number(reviews)) * 100) / 100;
}

function expectedSalary({ preferences }: Agent): string {
  const salary = isJsonObject(preferences) ? preferences['expectedSalary'] : undefined;
  return typeof salary === 'number' && Number.isSafeInteger(salary) && salary >= 0
    ? formatShells(BigInt(salary) * 100n)
    : '0';
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}
