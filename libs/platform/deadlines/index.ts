export { DeadlineBell } from './deadline.bell.js';
export { Deadlines } from './deadlines.js';
export { DeadlineBellModule, DeadlinesModule } from './deadlines.module.js';
export { DueWorker, type DueWork } from './due.worker.js';
