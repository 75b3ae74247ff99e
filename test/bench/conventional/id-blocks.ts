import { Injectable } from '@nestjs/common';
import { PrismaService } from './prisma.service.js';

const BLOCK = 64;

/** Ids of the product's tables come from its own sequences. Drawn in blocks, so they cost the reference next to nothing. */
@Injectable()
export class IdBlocks {
  private readonly ready = new Map<string, bigint[]>();

  constructor(private readonly prisma: PrismaService) {}

  async next(sequence: 'market.invocation_id' | 'ledger.hold_id'): Promise<bigint> {
    for (;;) {
      const id = this.ready.get(sequence)?.pop();
      if (id !== undefined) return id;
      const rows = await this.prisma.$queryRaw<{ id: bigint }[]>`
        select platform.next_id(${sequence}::regclass) as id from generate_series(1, ${BLOCK})`;
      this.ready.set(sequence, [...(this.ready.get(sequence) ?? []), ...rows.map((row) => row.id)]);
    }
  }
}
