import { BadRequestException, Body, Controller, Headers, HttpCode, Post, UseGuards } from '@nestjs/common';
import { ApiKeyGuard, CurrentAgent, type Agent } from './api-key.guard.js';
import { InvokeDto } from './invoke.dto.js';
import { InvocationsService } from './invocations.service.js';

@Controller('openapi/v1/agent/me/service-invocations')
@UseGuards(ApiKeyGuard)
export class InvocationsController {
  constructor(private readonly invocations: InvocationsService) {}

  @Post()
  @HttpCode(200)
  async invoke(
    @CurrentAgent() caller: Agent,
    @Body() dto: InvokeDto,
    @Headers('idempotency-key') key: string | undefined,
  ): Promise<object> {
    if (key === undefined) throw new BadRequestException('Idempotency-Key is required');
    return { success: true, data: await this.invocations.invoke(caller, dto, key) };
  }
}
