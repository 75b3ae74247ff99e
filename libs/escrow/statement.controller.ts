import { Controller, Get, Headers, Param, Query, Req, type PipeTransform } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { Caller, OwnerAuth, type OwnerPrincipal } from '#owners';
import { isConnected, RawAnswer, validationFailed, waitOutside } from '#platform';
import { prefersCsv } from './csv.js';
import { StatementQuery } from './escrow.dto.js';
import { cursorFrom } from './journal.view.js';
import { monthFrom, type Month } from './month.js';
import { Statements, type StatementWish } from './statement.usecase.js';
import { csvFileName, statementCsv, statementView } from './statement.view.js';

/** The month in a path. */
class MonthParam implements PipeTransform<string, Month> {
  transform(value: string): Month {
    const month = monthFrom(value);
    if (month !== undefined) return month;
    throw validationFailed([{ field: 'month', message: 'must be a month such as 2026-10', code: 'invalid' }]);
  }
}

/** An owner's month: opening balance, every movement, closing balance. */
@Controller('openapi/v1/owner')
@OwnerAuth()
export class StatementController {
  constructor(private readonly statements: Statements) {}

  /** Oldest first; JSON page by page, CSV as a whole. */
  @Get('wallet/statements/:month')
  async statement(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('month', MonthParam) month: Month,
    @Query() { after, limit, format }: StatementQuery,
    @Headers('accept') accept: string | undefined,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const wish = { ownerId, month, isWanted: isConnected(request) };
    // It waits for its turn, for a connection and for its reader more than it works, and all three have limits of their own.
    waitOutside(request);
    if (format === 'csv' || (format === undefined && prefersCsv(accept))) return this.csv(wish);
    const cursor = after === undefined ? undefined : cursorFrom(after);
    if (after !== undefined && cursor === undefined) {
      throw validationFailed([
        { field: 'after', message: 'is no cursor; pass nextCursor of the page before', code: 'invalid' },
      ]);
    }
    return statementView(await this.statements.page(wish, cursor, limit));
  }

  private async csv(wish: StatementWish): Promise<RawAnswer> {
    const statement = await this.statements.open(wish);
    const text = statementCsv(statement);
    // A client that goes away destroys the stream, and the stream leaves the text, wherever it is by then.
    await text.next();
    // When its time is over the answer breaks off, and lacks the end of its encoding as well as its last record.
    const body = Readable.from(text, { objectMode: false, signal: statement.over });
    // Without a listener an error before the server takes the stream over would end the process.
    body.on('error', () => undefined);
    return new RawAnswer('text/csv; charset=utf-8', body, {
      'content-disposition': `attachment; filename="${csvFileName(statement)}"`,
    });
  }
}
