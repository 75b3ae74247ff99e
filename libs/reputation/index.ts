export { ReputationModule } from './reputation.module.js';
export { TallyWorker } from './tally.worker.js';
