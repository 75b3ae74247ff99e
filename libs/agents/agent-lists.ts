import { Injectable } from '@nestjs/common';
import { AnswerCache } from '#platform';

/** The lists of the market's agents as finished answers. Whoever has changed an agent calls `forget` after the commit. */
@Injectable()
export class AgentLists extends AnswerCache {
  constructor() {
    super();
  }
}
