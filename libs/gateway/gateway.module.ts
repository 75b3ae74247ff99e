import { Module } from '@nestjs/common';
import { ReachabilityModule } from '#agents';
import { ChatModule } from '#chat';
import { InvocationsModule } from '#invocations';
import { AgentGateway } from './agent.gateway.js';
import { ChatTalk } from './chat-talk.js';
import { ConsumerNames } from './consumer-names.store.js';
import { ConsumersController } from './consumers.controller.js';
import { ConsumerStore } from './consumer.store.js';
import { Consumers } from './consumers.js';
import { Conversation } from './conversation.js';
import { EventFeed } from './event-feed.js';
import { EventPoll } from './event-poll.js';
import { EventPump } from './event-pump.js';
import { EventReaders } from './event-readers.js';
import { EventStream } from './event-stream.js';
import { EventsController } from './events.controller.js';
import { GatewayNode } from './gateway-node.js';
import { HandOver } from './hand-over.js';
import { Presence } from './presence.js';
import { PresenceStore } from './presence.store.js';
import { SharedViews } from './shared-views.js';
import { Sockets } from './sockets.js';
import { UpgradeDoor } from './upgrade-door.js';

/** Sockets, polls and streams. The application also calls `useGateway` before it listens, and the two `drain` before it stops. */
@Module({
  imports: [ChatModule, InvocationsModule, ReachabilityModule],
  controllers: [ConsumersController, EventsController],
  providers: [
    AgentGateway,
    ChatTalk,
    ConsumerNames,
    Consumers,
    ConsumerStore,
    Conversation,
    EventFeed,
    EventPoll,
    EventPump,
    EventReaders,
    EventStream,
    GatewayNode,
    HandOver,
    Presence,
    PresenceStore,
    SharedViews,
    Sockets,
    UpgradeDoor,
  ],
  exports: [AgentGateway, EventReaders, UpgradeDoor],
})
export class GatewayModule {}
