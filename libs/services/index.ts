export { OfferCache } from './offer-cache.js';
export { overloaded, Publish, Schemas } from './publish.usecase.js';
export { SchemaPoolBusy } from './schema-pool.js';
export { ServiceStore, type Offer } from './service.store.js';
export { serviceProblems } from './services.problems.js';
export { ServicesModule } from './services.module.js';
