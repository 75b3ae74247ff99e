import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { AgentAuth, Caller, type AgentPrincipal } from '#owners';
import { IsId, IsJsonObject, JSON_TYPE, Optional, RawAnswer } from '#platform';
import type { JsonObject } from '#kernel';
import { BARE_PATH } from './actions.js';

class BareBody {
  @IsId() serviceId!: bigint;
  @Optional() @IsJsonObject() input?: JsonObject;
}

const BYTES_MAX = 1_000_000;

/** The least that a request can cost here: the same edge, key, body checks and DTO as the real ones, and no work behind them. */
@Controller(BARE_PATH.slice(1))
export class BareController {
  private readonly texts = new Map<string, Buffer>();

  @Post('post')
  @AgentAuth('invoke')
  post(@Caller() { agentId }: AgentPrincipal, @Body() { serviceId }: BareBody): object {
    return { agentId: Number(agentId), serviceId: Number(serviceId), status: 'pending' };
  }

  /** As many bytes as asked for, made once. */
  @Get('bytes/:count')
  bytes(@Param('count') count: string): RawAnswer {
    const text =
      this.texts.get(count) ?? Buffer.from(JSON.stringify('x'.repeat(Math.min(Number(count), BYTES_MAX) - 2)));
    this.texts.set(count, text);
    return new RawAnswer(JSON_TYPE, text);
  }
}
