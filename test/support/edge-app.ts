import { connect, type AddressInfo } from 'node:net';
import { Body, Controller, Get, HttpException, Module, Param, Post, Query } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { IsIn, IsOptional } from 'class-validator';
import request from 'supertest';
import {
  Alias,
  createHttpApp,
  createLog,
  currentTraceId,
  HEALTH_CHECKS,
  HealthController,
  IdParam,
  IsCategory,
  IsFlag,
  IsId,
  IsInstant,
  IsInteger,
  IsJsonObject,
  IsShells,
  IsText,
  IsTextList,
  KeepEmpty,
  Limit,
  Nested,
  NoFields,
  Optional,
  OptionalShells,
  Page,
  RawAnswer,
  requireSomeField,
  type Metrics,
  type RateLimits,
} from '#platform';

/** A body that `POST /things` takes. */
export const GOOD = { title: 'x', price: '10.50' };

class WishDto {
  @IsInteger(0, 100) @Optional() salary?: number;
  @IsTextList(3, 10) @Optional() tasks?: string[];
}

class ThingDto {
  @IsText(1, 5) title: string = '';
  @IsShells({ positive: true }) price: bigint = 0n;
  @OptionalShells() maxPrice?: bigint;
  @IsCategory() @Optional() category?: string;
  @IsJsonObject() @Optional() @Alias('input_schema') inputSchema?: object;
  @IsText(0, 10) @Optional() story?: string;
  @IsText(0, 10) @Optional() @KeepEmpty() note?: string;
  @Nested(() => WishDto) @Optional() wish?: WishDto;
  @IsId() @Optional() serviceId?: bigint;
  @IsInstant() @Optional() expiresAt?: Date;
  @IsIn(['a', 'b']) @IsOptional() letter?: string;
}

class ListDto {
  @Page() page: number = 0;
  @Limit(20, 100) limit: number = 0;
  @IsText(1, 20) @Optional() search?: string;
  @IsFlag() @Optional() open?: boolean;
  @IsShells() @Optional() minPrice?: bigint;
}

class ChangeDto {
  @IsText(1, 5) @Optional() title?: string;
}

@Controller('things')
class ThingController {
  @Post()
  make(@Body() body: ThingDto) {
    return {
      ...body,
      price: body.price.toString(),
      traceInHandler: currentTraceId(),
      maxPrice: body.maxPrice?.toString() ?? null,
      serviceId: body.serviceId?.toString() ?? null,
      isDto: body instanceof ThingDto && (body.wish === undefined || body.wish instanceof WishDto),
    };
  }

  @Post('change')
  change(@Body() body: ChangeDto) {
    requireSomeField(body);
    return body;
  }

  @Post('bare')
  bare(@Body() body: NoFields) {
    return { keys: Object.keys(body) };
  }

  @Get()
  list(@Query() query: ListDto) {
    return { ...query, minPrice: query.minPrice?.toString() };
  }

  @Get('nothing')
  nothing() {
    return undefined;
  }

  @Get('csv')
  csv() {
    return new RawAnswer('text/csv; charset=utf-8', 'a,b\n');
  }

  @Get('teapot')
  teapot() {
    throw new HttpException('short and stout', 418);
  }

  @Get('bug')
  bug() {
    throw new Error('secret of the house');
  }

  @Get('gone/:code')
  gone(@Param('code') code: string) {
    throw Object.assign(new Error('terminating connection'), { code });
  }

  @Get(':id')
  one(@Param('id', IdParam) id: bigint) {
    return { id: Number(id) };
  }
}

type RawOptions = { more?: Buffer; end?: boolean };

/** A small real application behind the HTTP edge, on a socket of its own. */
export class EdgeApp {
  private constructor(
    readonly app: NestFastifyApplication,
    /** What it has logged. */
    readonly lines: string[],
    private readonly health: { isFine: boolean },
  ) {}

  static async start(
    options: { requestTimeoutMs?: number; limits?: RateLimits; metrics?: Metrics } = {},
  ): Promise<EdgeApp> {
    const lines: string[] = [];
    const health = { isFine: true };
    const log = createLog('debug', { write: (line: string) => void lines.push(line) });
    const app = await createHttpApp(moduleWith(health), { log, ...options });
    await app.listen(0, '127.0.0.1');
    return new EdgeApp(app, lines, health);
  }

  get port(): number {
    return (this.app.getHttpServer().address() as AddressInfo).port;
  }

  http(): ReturnType<typeof request> {
    return request(`http://127.0.0.1:${this.port}`);
  }

  postText(text: string): request.Test {
    return this.http().post('/things').set('content-type', 'application/json').send(text);
  }

  /** Makes the application's database check pass or fail. */
  setDatabase(isFine: boolean): void {
    this.health.isFine = isFine;
  }

  /** Sends bytes as they are and returns everything the server says until it closes or falls silent. */
  raw(bytes: string | Buffer, { more, end = false }: RawOptions = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1');
      let answer = '';
      socket.setTimeout(1_500, () => socket.destroy());
      socket.on('data', (chunk) => (answer += chunk.toString('utf8')));
      socket.on('close', () => resolve(answer));
      socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
      socket.write(bytes);
      if (more !== undefined) socket.write(more);
      if (end) socket.end();
    });
  }

  async close(): Promise<void> {
    await this.app.close();
  }
}

/** The status of a raw answer. */
export function rawStatus(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

export type RawBody = { success: boolean; status: number; error: { code: string }; traceId: string };

/** The envelope in a raw answer. */
export function rawBody(answer: string): RawBody {
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as RawBody;
}

/** The fields that an answer names as wrong. */
export function fieldsOf(response: request.Response): string[] {
  return (response.body.errors as { field: string }[]).map((error) => error.field);
}

function moduleWith(health: { isFine: boolean }) {
  const checks = [
    { name: 'database', check: () => (health.isFine ? Promise.resolve() : Promise.reject(new Error('down'))) },
    { name: 'queue', check: () => Promise.resolve() },
  ];
  const providers = [{ provide: HEALTH_CHECKS, useValue: checks }];
  return { module: SmallModule, controllers: [ThingController, HealthController], providers };
}

@Module({})
class SmallModule {}
