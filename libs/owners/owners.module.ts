import { Global, Module } from '@nestjs/common';
import { AdminInvitationsController } from './admin-invitations.controller.js';
import { AdminOwnersController } from './admin-owners.controller.js';
import { InvitationStore } from './invitations.store.js';
import { Invitations } from './invitations.usecase.js';
import { KeyDoor } from './key-door.js';
import { KeyRing } from './key-ring.js';
import { KeyStore } from './keys.store.js';
import { LoginPurge } from './login-purge.worker.js';
import { LoginStore } from './logins.store.js';
import { Logins } from './logins.usecase.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsDoor } from './metrics.door.js';
import { OwnerController } from './owner.controller.js';
import { OwnerKeyStore } from './owner-keys.store.js';
import { OwnerKeys } from './owner-keys.usecase.js';
import { OwnerStore } from './owner.store.js';
import { Owners } from './owners.usecase.js';
import { Passwords } from './passwords.js';
import { SessionsController, SignInController } from './sessions.controller.js';
import { Sessions } from './sessions.usecase.js';
import { SignUpController } from './sign-up.controller.js';
import { SignUps } from './sign-up.usecase.js';

/** Owners, keys and logins. Global, since every route asks whose key it was. */
@Global()
@Module({
  controllers: [
    AdminInvitationsController,
    AdminOwnersController,
    MetricsController,
    OwnerController,
    SessionsController,
    SignInController,
    SignUpController,
  ],
  providers: [
    InvitationStore,
    Invitations,
    KeyDoor,
    KeyRing,
    KeyStore,
    LoginPurge,
    LoginStore,
    Logins,
    MetricsDoor,
    OwnerKeyStore,
    OwnerKeys,
    OwnerStore,
    Owners,
    Passwords,
    Sessions,
    SignUps,
  ],
  exports: [Invitations, KeyDoor, KeyRing, KeyStore, LoginPurge, MetricsDoor, OwnerStore, Owners],
})
export class OwnersModule {}
