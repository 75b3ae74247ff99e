export { AgentGateway } from './agent.gateway.js';
export { EventReaders } from './event-readers.js';
export { useGateway } from './gateway.adapter.js';
export { GatewayModule } from './gateway.module.js';
