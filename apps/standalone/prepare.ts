import { NestFactory } from '@nestjs/core';
import { Module, type DynamicModule } from '@nestjs/common';
import { Owners, OwnersModule } from '#owners';
import {
  ConfigError,
  createLog,
  loadConfig,
  nestLogger,
  openPlatform,
  PlatformModule,
  StartError,
  type Platform,
} from '#platform';
import { migrateAll } from './database.js';
import { readEnvFile } from './env-file.js';
import { printAdminKey } from './admin-key.js';

@Module({})
class PrepareModule {
  static with(platform: Platform): DynamicModule {
    return { module: PrepareModule, imports: [PlatformModule.with(platform), OwnersModule] };
  }
}

// What runs once before the api and worker processes of a server: migrations, the queue's tables, the administrator's key.
await prepare().catch((error: unknown) => {
  const isExpected = error instanceof StartError || error instanceof ConfigError;
  console.error(isExpected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
});

async function prepare(): Promise<void> {
  readEnvFile();
  const config = loadConfig(process.env);
  await migrateAll(process.env, (line) => console.log(line));
  const platform = openPlatform(config, createLog('warn'));
  const context = await NestFactory.createApplicationContext(PrepareModule.with(platform), {
    logger: nestLogger(platform.log),
    abortOnError: false,
  });
  try {
    await context.get(Owners).ensureAdminKey(printAdminKey);
  } finally {
    await context.close();
    await platform.close();
  }
  console.log('The database is ready for this version.');
}
