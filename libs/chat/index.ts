export { readChatFrame, type ChatFrame } from './chat-frames.js';
export { ChatModule } from './chat.module.js';
export { Chat } from './chat.usecase.js';
export { readView } from './chat.view.js';
