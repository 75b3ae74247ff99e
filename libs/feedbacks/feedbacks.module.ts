import { Module } from '@nestjs/common';
import { FeedbackStore } from './feedback.store.js';
import { AdminFeedbacksController, FeedbacksController } from './feedbacks.controller.js';

/** What agents say of the installation, over HTTP. */
@Module({ controllers: [FeedbacksController, AdminFeedbacksController], providers: [FeedbackStore] })
export class FeedbacksModule {}
