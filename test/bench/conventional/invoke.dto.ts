import { IsInt, IsObject, IsOptional, IsPositive } from 'class-validator';
import type { Prisma } from '../../../generated/prisma/client.js';

export class InvokeDto {
  @IsInt() @IsPositive() serviceId!: number;
  @IsOptional() @IsObject() input?: Prisma.InputJsonObject;
}
