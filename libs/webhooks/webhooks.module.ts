import { Module } from '@nestjs/common';

/** Webhooks over HTTP: endpoints and what was delivered to them. */
@Module({})
export class WebhooksModule {}
