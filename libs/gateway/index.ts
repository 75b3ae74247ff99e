export { AgentGateway } from './agent.gateway.js';
export { useGateway } from './gateway.adapter.js';
export { GatewayModule } from './gateway.module.js';
