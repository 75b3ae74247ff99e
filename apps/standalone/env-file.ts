import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#platform';

/** Takes in the clone's `.env`, where there is one; what the environment says already stays. */
export function readEnvFile(): void {
  const file = join(packageRoot(), '.env');
  if (existsSync(file)) process.loadEnvFile(file);
}
