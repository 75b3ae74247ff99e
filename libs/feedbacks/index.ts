export { FeedbacksModule } from './feedbacks.module.js';
