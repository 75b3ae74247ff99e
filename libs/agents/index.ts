export { AgentKeys } from './agent-keys.usecase.js';
export { AgentStore, type Agent } from './agent.store.js';
export { AgentsModule } from './agents.module.js';
export { PresenceRecord } from './presence-record.worker.js';
export { Polls } from './polls.js';
export { ReachabilityModule } from './reachability.module.js';
export { ReachabilityStore } from './reachability.store.js';
export { durationText, rating } from './agent.view.js';
