import { Injectable } from '@nestjs/common';
import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Prisma } from '../../../generated/prisma/client.js';

/** The input schema of a service's version, compiled once. */
@Injectable()
export class InputSchemas {
  private readonly ajv = new Ajv2020();
  private readonly compiled = new Map<string, ValidateFunction>();

  /** On the caller's transaction: a second connection for whoever holds one would run the pool dry. */
  async of(tx: Prisma.TransactionClient, serviceId: bigint, version: number): Promise<ValidateFunction> {
    const name = `${String(serviceId)}/${String(version)}`;
    const known = this.compiled.get(name);
    if (known !== undefined) return known;
    const { inputSchema } = await tx.serviceVersion.findUniqueOrThrow({
      where: { serviceId_version: { serviceId, version } },
      select: { inputSchema: true },
    });
    // The publisher's schema was checked when it was published.
    const validate = this.ajv.compile((inputSchema ?? true) as AnySchema);
    this.compiled.set(name, validate);
    return validate;
  }
}
