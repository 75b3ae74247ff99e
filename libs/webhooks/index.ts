export { Webhooks, WebhookSenderModule, WebhooksModule } from './webhooks.module.js';
