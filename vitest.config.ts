import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

// A test that needs PostgreSQL or Redis lives under test/, or says so by its role when it stands beside its file.
const REAL_BESIDE_FILES = ['store', 'usecase', 'worker', 'real'].map((role) => `{libs,apps}/**/*.${role}.test.ts`);
const LONG = 'test/**/*.long.test.ts';

const exclude = [...configDefaults.exclude, 'test/arch/fixtures/**'];
const realProject = {
  globalSetup: ['test/support/cluster.ts'],
  testTimeout: 30_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    allowOnly: false,
    // What is awaited comes when it comes, on a busy machine late; a test fails by it only where it never does.
    expect: { poll: { timeout: 10_000 } },
    // Files of a worker share what they import: loading Nest and the application anew for each took a third of the time. So a
    // test leaves nothing behind in its process: no environment, no open server, no change of a module's state.
    isolate: false,
    // Three files at a time where there are two cores: tests wait for servers and clocks more than they compute, and two leave a third of the
    // processors idle.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['libs/**/*.test.ts', 'apps/**/*.test.ts', 'test/arch/**/*.test.ts'],
          exclude: [...exclude, ...REAL_BESIDE_FILES],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          ...realProject,
          name: 'real',
          include: ['test/**/*.test.ts', ...REAL_BESIDE_FILES],
          exclude: [...exclude, 'test/arch/**', LONG],
        },
      },
      // The longer proofs (`npm run test:long`) are no part of a plain `vitest run`.
      ...(process.env['TEST_LONG'] === '1'
        ? [{ extends: true as const, test: { ...realProject, name: 'long', include: [LONG], testTimeout: 3_600_000 } }]
        : []),
    ],
  },
});
