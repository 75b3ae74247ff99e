import { Module } from '@nestjs/common';
import { InvocationsModule } from '#invocations';
import { AgentGateway } from './agent.gateway.js';
import { ConsumerStore } from './consumer.store.js';
import { Consumers } from './consumers.js';
import { Conversation } from './conversation.js';
import { EventPump } from './event-pump.js';
import { GatewayNode } from './gateway-node.js';
import { HandOver } from './hand-over.js';
import { Sockets } from './sockets.js';
import { UpgradeDoor } from './upgrade-door.js';

/** The sockets. The application also calls `useGateway` before it listens, and `AgentGateway.drain` before it stops. */
@Module({
  imports: [InvocationsModule],
  providers: [
    AgentGateway,
    Consumers,
    ConsumerStore,
    Conversation,
    EventPump,
    GatewayNode,
    HandOver,
    Sockets,
    UpgradeDoor,
  ],
  exports: [AgentGateway, UpgradeDoor],
})
export class GatewayModule {}
