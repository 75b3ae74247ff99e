import { Module } from '@nestjs/common';
import { Carriers, ConsentModule } from '#consent';
import { EscrowModule } from '#escrow';
import { DeadlineBellModule, Deadlines, DeadlinesModule } from '#platform';
import { MarketTasksController } from './market-tasks.controller.js';
import { TaskApplicationsController } from './task-applications.controller.js';
import { TaskStepsStore } from './task-steps.store.js';
import { approvedTask } from './task-wish.js';
import { TaskWork } from './task-work.usecase.js';
import { TaskStore } from './task.store.js';
import { TasksController } from './tasks.controller.js';
import { Tasks } from './tasks.usecase.js';

/** Tasks over HTTP. */
@Module({
  imports: [ConsentModule, DeadlineBellModule, EscrowModule],
  controllers: [TasksController, TaskApplicationsController, MarketTasksController],
  providers: [Tasks, TaskStepsStore, TaskStore, TaskWork],
  exports: [Tasks],
})
export class TasksModule {
  constructor(carriers: Carriers, tasks: Tasks) {
    carriers.add('task', (publisher, request, approvalId) =>
      tasks.publish(publisher, approvedTask(request, approvalId)),
    );
  }
}

/** What becomes of tasks without a request, in the process that keeps deadlines. */
@Module({
  imports: [ConsentModule, DeadlineBellModule, DeadlinesModule, EscrowModule],
  providers: [Tasks, TaskStepsStore],
})
export class TaskDeadlinesModule {
  constructor(deadlines: Deadlines, tasks: Tasks) {
    deadlines.add('tasks', tasks);
  }
}
