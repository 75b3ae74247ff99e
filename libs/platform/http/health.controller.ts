import { Controller, Get, Inject } from '@nestjs/common';
import { packageVersion } from '../package-version.js';
import { httpProblems } from './http.problems.js';

/** One thing this process needs in order to serve; `check` rejects when it is not there. */
export type HealthCheck = { readonly name: string; check(): Promise<void> };

/** Injection token for `readonly HealthCheck[]`. */
export const HEALTH_CHECKS = Symbol('HEALTH_CHECKS');

const CHECK_TIMEOUT_MS = 1_000;

@Controller()
export class HealthController {
  private readonly version = packageVersion();

  constructor(@Inject(HEALTH_CHECKS) private readonly checks: readonly HealthCheck[]) {}

  /** The process answers. */
  @Get('healthz')
  process(): { status: 'ok'; uptimeS: number; version: string } {
    return { status: 'ok', uptimeS: Math.floor(process.uptime()), version: this.version };
  }

  /** Everything the process needs answers too.
   *  @throws {Problem} UNAVAILABLE naming what does not */
  @Get('readyz')
  async ready(): Promise<{ status: 'ok'; checks: Record<string, 'ok'> }> {
    const results = await Promise.all(this.checks.map(runCheck));
    const failed = results.filter((result) => !result.isFine);
    if (failed.length > 0) {
      const checks = Object.fromEntries(results.map(({ name, isFine }) => [name, isFine ? 'ok' : 'failed']));
      const names = failed.map(({ name }) => name).join(', ');
      throw httpProblems.UNAVAILABLE(`Not ready: ${names}`, {
        details: { checks },
        retryAfterS: 1,
        cause: failed[0]?.cause,
      });
    }
    return { status: 'ok', checks: Object.fromEntries(results.map(({ name }) => [name, 'ok' as const])) };
  }
}

type CheckResult = { name: string; isFine: boolean; cause?: unknown };

async function runCheck(check: HealthCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${check.name} did not answer in ${CHECK_TIMEOUT_MS} ms`)),
      CHECK_TIMEOUT_MS,
    );
  });
  try {
    await Promise.race([check.check(), late]);
    return { name: check.name, isFine: true };
  } catch (cause) {
    return { name: check.name, isFine: false, cause };
  } finally {
    clearTimeout(timer);
  }
}
