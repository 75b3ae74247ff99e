import { Controller, Get, Headers, Param, Query, type PipeTransform } from '@nestjs/common';
import { Readable } from 'node:stream';
import { Caller, OwnerAuth, type OwnerPrincipal } from '#owners';
import { RawAnswer, validationFailed } from '#platform';
import { prefersCsv } from './csv.js';
import { StatementQuery } from './escrow.dto.js';
import { cursorFrom } from './journal.view.js';
import { monthFrom, type Month } from './month.js';
import { Statements } from './statement.usecase.js';
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
  ): Promise<object> {
    if (format === 'csv' || (format === undefined && prefersCsv(accept))) return this.csv(ownerId, month);
    const cursor = after === undefined ? undefined : cursorFrom(after);
    if (after !== undefined && cursor === undefined) {
      throw validationFailed([
        { field: 'after', message: 'is no cursor; pass nextCursor of the page before', code: 'invalid' },
      ]);
    }
    return statementView(await this.statements.page(ownerId, month, cursor, limit));
  }

  private async csv(ownerId: bigint, month: Month): Promise<RawAnswer> {
    const statement = await this.statements.open(ownerId, month);
    const text = statementCsv(statement);
    // A client that goes away destroys the stream, and the stream leaves the text, wherever it is by then.
    await text.next();
    return new RawAnswer('text/csv; charset=utf-8', Readable.from(text, { objectMode: false }), {
      'content-disposition': `attachment; filename="${csvFileName(statement)}"`,
    });
  }
}
