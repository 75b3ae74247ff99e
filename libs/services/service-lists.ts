import { Injectable } from '@nestjs/common';
import { AnswerCache } from '#platform';

/** The lists of the market's services as finished answers. Whoever has changed a service calls `forget` after the commit. */
@Injectable()
export class ServiceLists extends AnswerCache {
  constructor() {
    super();
  }
}
