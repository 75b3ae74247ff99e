export { employmentProblems } from './employments.problems.js';
export { EmploymentDeadlinesModule, EmploymentsModule } from './employments.module.js';
export { StepEmployment } from './step.usecase.js';
