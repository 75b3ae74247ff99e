import { Module } from '@nestjs/common';
import { ReachabilityModule } from '#agents';
import { CatalogueStore } from './catalogue.store.js';
import { OfferCache } from './offer-cache.js';
import { Publish, Schemas } from './publish.usecase.js';
import { ServiceLists } from './service-lists.js';
import { ServiceStore } from './service.store.js';
import { MarketServicesController, ServicesController } from './services.controller.js';

@Module({
  imports: [ReachabilityModule],
  controllers: [ServicesController, MarketServicesController],
  providers: [CatalogueStore, OfferCache, Publish, Schemas, ServiceLists, ServiceStore],
  exports: [OfferCache, Publish, Schemas, ServiceStore],
})
export class ServicesModule {}
