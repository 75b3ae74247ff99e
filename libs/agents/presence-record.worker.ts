import { Injectable } from '@nestjs/common';
import { RepeatedJob } from '#platform';
import { AgentRecordStore } from './agent-record.store.js';

// Often enough that no five minutes pass without a look, also when a look is late.
const EVERY_MS = 60_000;

/** Writes down who is there with an open socket. Whoever makes requests is noted with the use of its key. */
@Injectable()
export class PresenceRecord {
  constructor(private readonly records: AgentRecordStore) {}

  job(): RepeatedJob {
    return new RepeatedJob('presence-record', EVERY_MS, () => this.run());
  }

  async run(): Promise<void> {
    await this.records.noteWhoIsThere();
  }
}
