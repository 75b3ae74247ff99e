import { Controller, Get, Param, Query } from '@nestjs/common';
import { IdParam, notFound } from '#platform';
import { TaskStore } from './task.store.js';
import { marketTaskView } from './task.view.js';
import { MarketTasksQuery } from './tasks.dto.js';

/** Tasks as everybody sees them: without status those that are open. */
@Controller('openapi/v1/market/tasks')
export class MarketTasksController {
  constructor(private readonly store: TaskStore) {}

  @Get()
  async list(@Query() { page, limit, status = 'open', category, search }: MarketTasksQuery): Promise<object> {
    const [{ rows, total }, categories] = await Promise.all([
      this.store.market({ status, category, search }, { page, limit }),
      this.store.categories(),
    ]);
    return { data: rows.map(marketTaskView), total, page, limit, totalPages: Math.ceil(total / limit), categories };
  }

  @Get(':id')
  async show(@Param('id', IdParam) id: bigint): Promise<object> {
    const task = await this.store.find(id);
    if (task === undefined) throw notFound();
    return marketTaskView(task);
  }
}
