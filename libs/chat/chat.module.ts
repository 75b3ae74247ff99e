import { Module } from '@nestjs/common';
import { ChatController } from './chat.controller.js';
import { ChatStore } from './chat.store.js';
import { Chat } from './chat.usecase.js';

/** The chat of employments over HTTP; the gateway has it over sockets. */
@Module({ controllers: [ChatController], providers: [Chat, ChatStore], exports: [Chat] })
export class ChatModule {}
