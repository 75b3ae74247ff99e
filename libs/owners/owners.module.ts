import { Global, Module } from '@nestjs/common';
import { AdminOwnersController } from './admin-owners.controller.js';
import { KeyDoor } from './key-door.js';
import { KeyRing } from './key-ring.js';
import { KeyStore } from './keys.store.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsDoor } from './metrics.door.js';
import { OwnerStore } from './owner.store.js';
import { Owners } from './owners.usecase.js';

/** Owners and keys. Global, since every route asks whose key it was. */
@Global()
@Module({
  controllers: [AdminOwnersController, MetricsController],
  providers: [KeyDoor, KeyRing, KeyStore, MetricsDoor, OwnerStore, Owners],
  exports: [KeyDoor, KeyRing, KeyStore, MetricsDoor, OwnerStore, Owners],
})
export class OwnersModule {}
