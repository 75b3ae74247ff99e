import { Body, Controller, Get, Headers, Param, Post, Put, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { isCategory } from '#kernel';
import { AdminAuth, Caller, type AdminPrincipal } from '#owners';
import { notFound, requiredIdempotencyKeyOf } from '#platform';
import { AdminDepositBody, FeeBody, ReversalBody } from './escrow.dto.js';
import { TreasuryStore } from './treasury.store.js';
import { depositView, reversalView } from './transfer.view.js';
import { Treasury } from './treasury.usecase.js';

/** Money in and out, and fees, by an administrator's key. */
@Controller('openapi/v1/admin')
@AdminAuth()
export class TreasuryController {
  constructor(
    private readonly treasury: Treasury,
    private readonly store: TreasuryStore,
  ) {}

  @Post('deposits')
  async deposit(
    @Caller() admin: AdminPrincipal,
    @Body() body: AdminDepositBody,
    @Headers() headers: IncomingHttpHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { transfer, isReplay } = await this.treasury.deposit(
      admin,
      body.ownerId,
      body.amount,
      body.reference,
      requiredIdempotencyKeyOf(headers, body),
    );
    if (isReplay) reply.header('idempotent-replayed', 'true');
    return depositView(transfer);
  }

  @Post('reversals')
  async reverse(
    @Caller() admin: AdminPrincipal,
    @Body() body: ReversalBody,
    @Headers() headers: IncomingHttpHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { transfer, isReplay } = await this.treasury.reverse(
      admin,
      body.transferId,
      body.reason,
      requiredIdempotencyKeyOf(headers, body),
    );
    if (isReplay) reply.header('idempotent-replayed', 'true');
    return reversalView(transfer);
  }

  @Get('fees/:category')
  async fee(@Param('category') category: string): Promise<object> {
    if (!isCategory(category)) throw notFound();
    return { category, basisPoints: await this.store.feeRate(category) };
  }

  @Put('fees/:category')
  async setFee(@Param('category') category: string, @Body() { basisPoints }: FeeBody): Promise<object> {
    if (!isCategory(category)) throw notFound();
    await this.store.setFeeRate(category, basisPoints);
    return { category, basisPoints };
  }
}
