import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { ConventionalModule } from './conventional/conventional.module.js';
import type { ApiWord } from './processes.js';

/**
 * The reference: the same invoke as a good team would write it with what Nest's and Prisma's own guides show. It keeps the
 * same books in the same tables, so the invariants count its rows too. See docs/performance.md.
 */
const app = await NestFactory.create<NestExpressApplication>(ConventionalModule, new ExpressAdapter(), {
  logger: ['error', 'fatal'],
});
app.disable('x-powered-by').disable('etag');
app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true, forbidNonWhitelisted: true }));
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');

const server: Server = app.getHttpServer();
const { port } = server.address() as AddressInfo;
const word: ApiWord = { kind: 'started', url: `http://127.0.0.1:${String(port)}` };
process.send?.(word);
