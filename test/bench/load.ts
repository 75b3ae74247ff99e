import { setPriority } from 'node:os';
import { runClosed } from './closed-loop.js';
import { runPaced } from './open-loop.js';
import type { LoadOrder } from './plan.js';

/** The load process: told its plan as a message, answers with the result as a message. */
process.on('message', ({ plan, pace }: LoadOrder) => {
  if (plan.niceness !== undefined) setPriority(plan.niceness);
  void (pace === undefined ? runClosed(plan) : runPaced(plan, pace)).then((result) => process.send?.(result));
});
