import { Body, Controller, Get, Headers, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { formatShells } from '#kernel';
import { Caller, OwnerAuth, type OwnerPrincipal } from '#owners';
import { RawAnswer, requiredIdempotencyKeyOf, validationFailed } from '#platform';
import { OwnerDepositBody, TransactionsQuery } from './escrow.dto.js';
import { JournalStore } from './journal.store.js';
import { prefersCsv } from './csv.js';
import { cursorFrom, cursorText, entriesCsv, entryView } from './journal.view.js';
import { depositView } from './transfer.view.js';
import { Treasury } from './treasury.usecase.js';

/** An owner's wallet and what moved in it. */
@Controller('openapi/v1/owner')
@OwnerAuth()
export class WalletController {
  constructor(
    private readonly journal: JournalStore,
    private readonly treasury: Treasury,
  ) {}

  @Get('wallet')
  async wallet(@Caller() { ownerId }: OwnerPrincipal): Promise<object> {
    const { available, held } = await this.journal.balance(ownerId);
    return { available: formatShells(available), held: formatShells(held) };
  }

  /** Newest first, page by page; as CSV when `Accept` asks for it. */
  @Get('wallet/transactions')
  async transactions(
    @Caller() { ownerId }: OwnerPrincipal,
    @Query() { after, limit }: TransactionsQuery,
    @Headers('accept') accept: string | undefined,
  ): Promise<object> {
    const cursor = after === undefined ? undefined : cursorFrom(after);
    if (after !== undefined && cursor === undefined) {
      throw validationFailed([
        { field: 'after', message: 'is no cursor; pass nextCursor of the page before', code: 'invalid' },
      ]);
    }
    const found = await this.journal.entries(ownerId, cursor, limit + 1);
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    const nextCursor = found.length > limit && last !== undefined ? cursorText(last) : undefined;
    if (prefersCsv(accept)) {
      return new RawAnswer(
        'text/csv; charset=utf-8',
        entriesCsv(entries),
        nextCursor === undefined ? {} : { 'x-next-cursor': nextCursor },
      );
    }
    return {
      transactions: entries.map(entryView),
      hasMore: nextCursor !== undefined,
      ...(nextCursor === undefined ? {} : { nextCursor }),
    };
  }

  @Post('deposits')
  async deposit(
    @Caller() owner: OwnerPrincipal,
    @Body() body: OwnerDepositBody,
    @Headers() headers: IncomingHttpHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { transfer, isReplay } = await this.treasury.depositToSelf(
      owner,
      body.amount,
      requiredIdempotencyKeyOf(headers, body),
    );
    if (isReplay) reply.header('idempotent-replayed', 'true');
    return depositView(transfer);
  }
}
