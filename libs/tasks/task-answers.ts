import type { Problem } from '#kernel';
import { isLockTimeout, type Bus } from '#platform';
import { overloaded } from '#services';
import { taskStatusOf, type TaskPhase } from './task.js';
import { taskProblems } from './tasks.problems.js';

/** A lock that does not come in time: somebody else is at work on the same task or wallet. */
export async function inTime<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (isLockTimeout(error)) throw overloaded(error);
    throw error;
  }
}

/** Hints after the commit: whoever misses them finds the event by looking. */
export function tell(bus: Bus, agentIds: readonly (bigint | null)[]): void {
  for (const agentId of agentIds) if (agentId !== null) bus.publish('agent-event', { agentId: String(agentId) });
}

/** The step is not to be taken from here. */
export function wrongState(taskId: bigint, phase: TaskPhase | null, why: string): Problem {
  const status = taskStatusOf(known(phase));
  return taskProblems.TASK_STATE(`Task ${taskId} is ${status}: ${why}`, { details: { status } });
}

/** What a verdict always brings with it. */
export function known<T>(value: T | null): T {
  if (value === null) throw new Error('the step of a task left something out');
  return value;
}
