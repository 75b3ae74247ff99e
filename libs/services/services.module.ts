import { Module } from '@nestjs/common';
import { ReachabilityModule } from '#agents';
import { Carriers, ConsentModule } from '#consent';
import { CatalogueStore } from './catalogue.store.js';
import { OfferCache } from './offer-cache.js';
import { Publish, Schemas } from './publish.usecase.js';
import { ServiceLists } from './service-lists.js';
import { approvedPublication, approvedUpdate } from './service-request.js';
import { ServiceStore } from './service.store.js';
import { MarketServicesController, ServicesController } from './services.controller.js';

@Module({
  imports: [ReachabilityModule, ConsentModule],
  controllers: [ServicesController, MarketServicesController],
  providers: [CatalogueStore, OfferCache, Publish, Schemas, ServiceLists, ServiceStore],
  exports: [OfferCache, Publish, Schemas, ServiceStore],
})
export class ServicesModule {
  constructor(carriers: Carriers, publisher: Publish) {
    carriers.add('publish', (agent, request, approvalId) =>
      publisher.publish(agent, approvedPublication(request), approvalId),
    );
    carriers.add('price_change', (agent, request, approvalId) =>
      publisher.update(agent, ...approvedUpdate(request), approvalId),
    );
  }
}
