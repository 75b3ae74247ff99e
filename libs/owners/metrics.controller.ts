import { Controller, Get, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Metrics, RawAnswer } from '#platform';
import { MetricsDoor } from './metrics.door.js';

/** The figures of this process, for a scraper. */
@Controller()
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly door: MetricsDoor,
  ) {}

  /** @throws {Problem} UNAUTHENTICATED, RATE_LIMITED */
  @Get('metrics')
  async read(@Req() request: FastifyRequest): Promise<RawAnswer> {
    await this.door.admit(request.raw, request);
    return new RawAnswer(this.metrics.contentType, await this.metrics.text());
  }
}
