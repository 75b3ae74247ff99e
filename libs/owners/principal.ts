/** What an agent's key may do. A key without a list has all of them. */
export const SCOPES = ['read', 'profile', 'services', 'invoke', 'provide'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who is asking: what a valid key stands for. */
export type AgentPrincipal = {
  readonly kind: 'agent';
  readonly keyId: bigint;
  readonly agentId: bigint;
  readonly ownerId: bigint;
  readonly scopes: readonly string[];
  readonly isFrozen: boolean;
};
export type OwnerPrincipal = {
  readonly kind: 'owner';
  readonly keyId: bigint;
  readonly ownerId: bigint;
  /** Signed in with a password; else it is one of the owner's keys. */
  readonly isSession: boolean;
};
export type AdminPrincipal = { readonly kind: 'admin'; readonly keyId: bigint };
export type Principal = AgentPrincipal | OwnerPrincipal | AdminPrincipal;
