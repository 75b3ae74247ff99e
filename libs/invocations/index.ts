export { CloseInvocations } from './close.usecase.js';
export { CloseStore } from './close.store.js';
export { DeadlineBell, type BellQueue } from './deadline.bell.js';
export { ExpireWorker } from './expire.worker.js';
export { InvocationFrames } from './invocation-frames.js';
export { invocationProblems } from './invocations.problems.js';
export { Deadlines, DeadlinesModule, InvocationsModule } from './invocations.module.js';
export { Marks } from './marks.usecase.js';
export { type NotificationFrame } from './notification.js';
