import { Module } from '@nestjs/common';
import { ApiKeyGuard } from './api-key.guard.js';
import { IdBlocks } from './id-blocks.js';
import { InputSchemas } from './input-schemas.js';
import { InvocationsController } from './invocations.controller.js';
import { InvocationsService } from './invocations.service.js';
import { PrismaService } from './prisma.service.js';

@Module({
  controllers: [InvocationsController],
  providers: [PrismaService, ApiKeyGuard, IdBlocks, InputSchemas, InvocationsService],
})
export class ConventionalModule {}
