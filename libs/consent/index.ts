export { ApprovalStore } from './approval.store.js';
export { Carriers, type Spender } from './carriers.js';
export { quoted, type DryRun } from './consent.js';
export { Consent, type Ask } from './consent.usecase.js';
export { consentProblems } from './consent.problems.js';
export { dryRunView } from './consent.view.js';
export { ApprovalsModule, ConsentModule } from './consent.module.js';
