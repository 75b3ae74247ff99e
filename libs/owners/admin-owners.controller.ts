import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { IdParam, IsId, IsText, Limit, Optional } from '#platform';
import { AdminAuth } from './auth.js';
import { shownKeyView } from './key.view.js';
import { OwnerStore, type Owner } from './owner.store.js';
import { Owners } from './owners.usecase.js';

class CreateOwnerBody {
  @IsText(1, 100) name!: string;
}

class ListOwnersQuery {
  @Optional() @IsId() after?: bigint;
  @Limit(20, 100) limit!: number;
}

class CreateOwnerKeyBody {
  @Optional() @IsText(1, 100) name?: string;
}

/** Owners, as an administrator sees them. */
@Controller('openapi/v1/admin/owners')
@AdminAuth()
export class AdminOwnersController {
  constructor(
    private readonly owners: Owners,
    private readonly store: OwnerStore,
  ) {}

  @Post()
  async create(@Body() { name }: CreateOwnerBody): Promise<object> {
    const { owner, key } = await this.owners.create(name);
    return { owner: ownerView(owner), key: shownKeyView(key) };
  }

  @Get()
  async list(@Query() { after, limit }: ListOwnersQuery): Promise<object> {
    const found = await this.store.list(after ?? 0n, limit + 1);
    const owners = found.slice(0, limit).map(ownerView);
    const hasMore = found.length > limit;
    return { owners, hasMore, ...(hasMore ? { nextCursor: owners.at(-1)?.id } : {}) };
  }

  @Post(':id/keys')
  async addKey(@Param('id', IdParam) id: bigint, @Body() { name }: CreateOwnerKeyBody): Promise<object> {
    return shownKeyView(await this.owners.addKey(id, name ?? ''));
  }
}

function ownerView({ id, name, createdAt }: Owner): { id: number; name: string; createdAt: Date } {
  return { id: Number(id), name, createdAt };
}
