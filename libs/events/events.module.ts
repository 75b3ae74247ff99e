import { Global, Module } from '@nestjs/common';
import { EventLog } from './event-log.store.js';
import { EventViews } from './event-views.js';

@Global()
@Module({ providers: [EventLog, EventViews], exports: [EventLog, EventViews] })
export class EventsModule {}
