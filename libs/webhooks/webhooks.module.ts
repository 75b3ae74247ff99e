import { Module } from '@nestjs/common';
import { EndpointStore } from './endpoint.store.js';
import { SecretBox } from './secret-box.js';

/** Webhooks over HTTP: endpoints and what was delivered to them. */
@Module({
  providers: [EndpointStore, SecretBox],
})
export class WebhooksModule {}
