import { createHash } from 'node:crypto';
import {
  ConflictException,
  HttpException,
  HttpStatus,
  Injectable,
  NotFoundException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { Prisma, type Invocation, type Service } from '../../../generated/prisma/client.js';
import type { Agent } from './api-key.guard.js';
import { IdBlocks } from './id-blocks.js';
import { InputSchemas } from './input-schemas.js';
import type { InvokeDto } from './invoke.dto.js';
import { PrismaService } from './prisma.service.js';

/** What one request is, apart from the caller. */
type Wish = { keyHash: string; fingerprint: Uint8Array<ArrayBuffer>; input: Prisma.InputJsonObject };

/** The statements of the product's invoke, one after another in an interactive transaction, in the same order of locks. Fees and
 *  frozen agents are left out, in favour of this way. */
@Injectable()
export class InvocationsService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly ids: IdBlocks,
    private readonly schemas: InputSchemas,
  ) {}

  async invoke(caller: Agent, { serviceId, input = {} }: InvokeDto, key: string): Promise<object> {
    const fingerprint = new Uint8Array(
      createHash('sha256')
        .update(JSON.stringify([serviceId, input]))
        .digest(),
    );
    const wish = { keyHash: keyHashOf(key), fingerprint, input };
    const [id, holdId] = [await this.ids.next('market.invocation_id'), await this.ids.next('ledger.hold_id')];
    try {
      return receipt(
        await this.prisma.$transaction((tx) => this.open(tx, caller, BigInt(serviceId), wish, id, holdId)),
      );
    } catch (error) {
      if (isUniqueViolation(error)) return this.repeated(caller, wish);
      throw error;
    }
  }

  private async open(
    tx: Prisma.TransactionClient,
    caller: Agent,
    serviceId: bigint,
    wish: Wish,
    id: bigint,
    holdId: bigint,
  ): Promise<Invocation> {
    const service = await tx.service.findUnique({ where: { id: serviceId } });
    if (service === null) throw new NotFoundException();
    if (!service.isActive || service.agentId === caller.agentId) throw new ConflictException();
    const validate = await this.schemas.of(tx, service.id, service.version);
    if (!validate(wish.input)) throw new UnprocessableEntityException(validate.errors);
    const now = new Date();
    const deadlineAt = new Date(now.getTime() + 2 * service.avgResponseMs);

    await this.pay(tx, caller, service.price);
    await this.countIn(tx, service, caller);
    await tx.idempotency.create({
      data: {
        principalId: caller.agentId,
        principalKind: 'agent',
        keyHash: wish.keyHash,
        operation: 'invoke',
        fingerprint: wish.fingerprint,
        resultId: id,
        createdAt: now,
      },
    });
    await tx.hold.create({
      data: {
        id: holdId,
        payerAccount: caller.ownerId,
        payerAgent: caller.agentId,
        payeeAccount: service.ownerId,
        payeeAgent: service.agentId,
        subjectKind: 'invocation',
        subjectId: id,
        amount: service.price,
        feeBps: 0,
        giveUpAt: deadlineAt,
        createdAt: now,
      },
    });
    const invocation = await tx.invocation.create({
      data: {
        id,
        holdId,
        serviceId: service.id,
        version: service.version,
        callerAgentId: caller.agentId,
        callerOwnerId: caller.ownerId,
        providerAgentId: service.agentId,
        providerOwnerId: service.ownerId,
        price: service.price,
        status: 'pending',
        input: wish.input,
        createdAt: now,
        deadlineAt,
      },
    });
    const { nextSeq } = await tx.agentStream.update({
      where: { agentId: service.agentId },
      data: { nextSeq: { increment: 1 } },
    });
    await tx.agentEvent.create({
      data: {
        agentId: service.agentId,
        seq: nextSeq - 1n,
        type: 'invocation.invoked',
        invocationId: id,
        createdAt: now,
      },
    });
    return invocation;
  }

  /** What has arrived for the payer counts too: where the wallet alone does not suffice it is folded in, and tried once more. */
  private async pay(tx: Prisma.TransactionClient, { ownerId }: Agent, price: bigint): Promise<void> {
    const hold = (): Promise<{ count: number }> =>
      tx.wallet.updateMany({
        where: { accountId: ownerId, available: { gte: price } },
        data: { available: { decrement: price }, held: { increment: price } },
      });
    if ((await hold()).count === 1) return;
    await tx.$queryRaw`select ledger.fold(${ownerId})`;
    if ((await hold()).count === 0) throw new HttpException('The wallet has too little', HttpStatus.PAYMENT_REQUIRED);
  }

  private async countIn(tx: Prisma.TransactionClient, service: Service, { agentId }: Agent): Promise<void> {
    const counted = await tx.serviceLoad.updateMany({
      where: { serviceId: service.id, callerAgentId: 0n, pending: { lt: service.maxPending } },
      data: { pending: { increment: 1 } },
    });
    if (counted.count === 0) throw new ConflictException();
    const row = { serviceId: service.id, callerAgentId: agentId };
    const { pending } = await tx.serviceLoad.upsert({
      where: { serviceId_callerAgentId: row },
      create: { ...row, pending: 1 },
      update: { pending: { increment: 1 } },
    });
    if (pending > service.maxPendingPerCaller) throw new ConflictException();
  }

  /** The first answer to this key, if the request is the same. */
  private async repeated({ agentId }: Agent, { keyHash, fingerprint }: Wish): Promise<object> {
    const first = await this.prisma.idempotency.findUniqueOrThrow({
      where: { principalId_keyHash: { principalId: agentId, keyHash } },
    });
    if (!Buffer.from(first.fingerprint).equals(fingerprint)) throw new UnprocessableEntityException();
    return receipt(await this.prisma.invocation.findUniqueOrThrow({ where: { id: first.resultId } }));
  }
}

/** What `ledger.key_hash` answers. */
function keyHashOf(key: string): string {
  return createHash('sha256')
    .update(`agent ${key}`)
    .digest('hex')
    .slice(0, 32)
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function receipt({ id, serviceId, status, price, createdAt, deadlineAt }: Invocation): object {
  return {
    invocationId: Number(id),
    serviceId: Number(serviceId),
    status,
    price: (Number(price) / 100).toFixed(2),
    createdAt,
    timeoutAt: deadlineAt,
  };
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
}
