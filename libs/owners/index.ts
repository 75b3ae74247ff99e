export { AdminAuth, AgentAuth, Caller, OwnerAuth, requireAllowed } from './auth.js';
export { signUpLink } from './admin-invitations.controller.js';
export { Invitations } from './invitations.usecase.js';
export { KeyDoor } from './key-door.js';
export { KeyRing } from './key-ring.js';
export { keyView, shownKeyView } from './key.view.js';
export { freshKey, hashKey, hintOf } from './keys.js';
export { KeyStore, type KeyRecord } from './keys.store.js';
export { LoginPurge } from './login-purge.worker.js';
export { MetricsDoor } from './metrics.door.js';
export { originOf } from './origin.js';
export { OwnerStore, type Owner } from './owner.store.js';
export { Owners, type ShownKey } from './owners.usecase.js';
export { OwnersModule } from './owners.module.js';
export { ownerProblems, unauthenticated } from './owners.problems.js';
export {
  SCOPES,
  type AdminPrincipal,
  type AgentPrincipal,
  type OwnerPrincipal,
  type Principal,
  type Scope,
} from './principal.js';
export { useKeys } from './use-keys.js';
