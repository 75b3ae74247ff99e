import type { Invitation } from './invitations.store.js';
import type { KeyRecord } from './keys.store.js';
import type { Login } from './logins.store.js';
import type { SignedIn } from './logins.usecase.js';
import type { Owner } from './owner.store.js';

/** An owner as it sees itself. */
export function ownerView({ id, name, createdAt }: Owner, login?: Pick<Login, 'login' | 'email'>): object {
  return {
    id: Number(id),
    name,
    ...(login === undefined ? {} : { login: login.login }),
    ...(login?.email == null ? {} : { email: login.email }),
    createdAt,
  };
}

/** The one answer that carries the session's text. */
export function signedInView({ session, owner }: SignedIn): object {
  return {
    token: session.key,
    id: Number(session.id),
    expiresAt: session.expiresAt,
    owner: ownerView(owner),
  };
}

export function sessionView(session: KeyRecord, current: bigint): object {
  return {
    id: Number(session.id),
    client: session.name,
    isCurrent: session.id === current,
    createdAt: session.createdAt,
    expiresAt: session.expiresAt,
    ...(session.lastUsedAt === null ? {} : { lastUsedAt: session.lastUsedAt }),
  };
}

export function invitationView(invitation: Invitation): object {
  const { id, madeBy, name, email, expiresAt, usedAt, revokedAt, ownerId, createdAt } = invitation;
  return {
    id: Number(id),
    status: statusOf(invitation),
    madeBy,
    ...(name === null ? {} : { name }),
    ...(email === null ? {} : { email }),
    createdAt,
    expiresAt,
    ...(usedAt === null ? {} : { usedAt }),
    ...(revokedAt === null ? {} : { revokedAt }),
    ...(ownerId === null ? {} : { ownerId: Number(ownerId) }),
  };
}

function statusOf({ usedAt, revokedAt, isExpired }: Invitation): string {
  if (usedAt !== null) return 'used';
  if (revokedAt !== null) return 'revoked';
  return isExpired ? 'expired' : 'open';
}
