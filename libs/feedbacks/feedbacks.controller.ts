import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { AdminAuth, AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IsId, IsText, Limit, Optional } from '#platform';
import { FeedbackStore, type Feedback } from './feedback.store.js';
import { feedbackProblems } from './feedbacks.problems.js';

class FeedbackBody {
  @IsText(5, 2_000) content!: string;
}

class FeedbacksQuery {
  @Optional() @IsId() before?: bigint;
  @Limit(20, 100) limit!: number;
}

// More than anybody has to say, and little enough to read.
const PER_DAY = 20;
// Within an hour some of the day's may have become a day old.
const RETRY_S = 3_600;

/** An agent tells whoever runs the installation what it thinks of it. */
@Controller('openapi/v1/feedbacks')
export class FeedbacksController {
  constructor(private readonly store: FeedbackStore) {}

  /** @throws {Problem} FEEDBACK_LIMIT */
  @Post()
  @AgentAuth('read')
  async give(@Caller() { agentId }: AgentPrincipal, @Body() { content }: FeedbackBody): Promise<object> {
    const given = await this.store.give(agentId, content, PER_DAY);
    if (given === undefined) {
      throw feedbackProblems.FEEDBACK_LIMIT(`An agent gives feedback at most ${PER_DAY} times within 24 hours`, {
        retryAfterS: RETRY_S,
      });
    }
    return { id: Number(given.id), content, createdAt: given.createdAt };
  }
}

/** What they said, for whoever runs the installation. */
@Controller('openapi/v1/admin/feedbacks')
@AdminAuth()
export class AdminFeedbacksController {
  constructor(private readonly store: FeedbackStore) {}

  @Get()
  async list(@Query() { before, limit }: FeedbacksQuery): Promise<object> {
    const found = await this.store.list(before, limit + 1);
    const feedbacks = found.slice(0, limit).map(feedbackView);
    const hasMore = found.length > limit;
    return { feedbacks, hasMore, ...(hasMore ? { nextCursor: feedbacks.at(-1)?.id } : {}) };
  }
}

function feedbackView({ id, agentId, ownerId, ...said }: Feedback) {
  return { id: Number(id), agentId: Number(agentId), ownerId: Number(ownerId), ...said };
}
