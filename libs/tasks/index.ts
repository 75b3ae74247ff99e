export { TASK_STEPS, nextTaskPhase, taskDiagram, type TaskPhase } from './task.js';
export { taskProblems } from './tasks.problems.js';
export { TaskDeadlinesModule, TasksModule } from './tasks.module.js';
export { Tasks } from './tasks.usecase.js';
