export { PurgeWorker } from './purge.worker.js';
export { Webhooks, WebhookSenderModule, WebhooksModule } from './webhooks.module.js';
