import { Global, Module } from '@nestjs/common';
import { NOTICED } from './catalogue.js';
import { EventLog } from './event-log.store.js';
import { EventViews } from './event-views.js';
import { NoticeStore } from './notice.store.js';
import { Notices } from './notices.js';

@Global()
@Module({ providers: [EventLog, EventViews, NoticeStore], exports: [EventLog, EventViews] })
export class EventsModule {
  constructor(views: EventViews, store: NoticeStore) {
    for (const subject of NOTICED) views.add(new Notices(subject, store));
  }
}
