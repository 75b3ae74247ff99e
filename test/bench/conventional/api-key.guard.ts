import {
  createParamDecorator,
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { hashKey } from '#owners';
import { PrismaService } from './prisma.service.js';

export type Agent = { agentId: bigint; ownerId: bigint };

type Authenticated = { headers: Record<string, string | undefined>; agent?: Agent };

export const CurrentAgent = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<Authenticated>().agent,
);

/** Looks the key up by its hash, which has a unique index. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  private readonly secret = process.env['C4C_SECRET'] ?? '';

  constructor(private readonly prisma: PrismaService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Authenticated>();
    const hash = new Uint8Array(hashKey(request.headers['x-api-key'] ?? '', this.secret));
    const key = await this.prisma.apiKey.findFirst({ where: { hash, kind: 'agent', revokedAt: null } });
    if (key === null || key.agentId === null || key.ownerId === null || !key.scopes.includes('invoke')) {
      throw new UnauthorizedException();
    }
    request.agent = { agentId: key.agentId, ownerId: key.ownerId };
    return true;
  }
}
