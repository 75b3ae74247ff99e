import { Global, Module } from '@nestjs/common';
import { AdminOwnersController } from './admin-owners.controller.js';
import { KeyRing } from './key-ring.js';
import { KeyStore } from './keys.store.js';
import { OwnerStore } from './owner.store.js';
import { Owners } from './owners.usecase.js';

/** Owners and keys. Global, since every route asks whose key it was. */
@Global()
@Module({
  controllers: [AdminOwnersController],
  providers: [KeyRing, KeyStore, OwnerStore, Owners],
  exports: [KeyRing, KeyStore, OwnerStore, Owners],
})
export class OwnersModule {}
