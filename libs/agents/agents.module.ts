import { Module } from '@nestjs/common';
import { AgentKeys } from './agent-keys.usecase.js';
import { AgentLists } from './agent-lists.js';
import { AgentStore } from './agent.store.js';
import { AgentsController, MarketAgentsController } from './agents.controller.js';
import { ReachabilityModule } from './reachability.module.js';
import { OwnerAgentsController } from './owner-agents.controller.js';

@Module({
  imports: [ReachabilityModule],
  controllers: [AgentsController, MarketAgentsController, OwnerAgentsController],
  providers: [AgentKeys, AgentLists, AgentStore],
  exports: [AgentKeys, AgentStore],
})
export class AgentsModule {}
