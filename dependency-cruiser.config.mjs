/** Who may import whom (docs/architecture.md). Every rule here has a folder in test/arch/fixtures that breaks it. */

/** Lowest first. A lib imports libs of lower steps only; libs of one step do not know each other. */
const LADDER = [
  ['kernel'],
  ['platform'],
  ['events'],
  ['owners'],
  ['agents'],
  ['escrow', 'reputation'],
  ['consent'],
  ['services', 'regions', 'ops'],
  ['invocations'],
  ['tasks', 'employments', 'feedbacks', 'matching', 'a2a', 'webhooks'],
  ['chat'],
  ['gateway'],
  ['workflows'],
];

/** Pure like the kernel: what every event means. */
const CATALOGUE = String.raw`^libs/events/catalogue\.ts$`;
const TEST_FILE = String.raw`\.test\.ts$`;
const DRIVERS = String.raw`(^|node_modules/)(bullmq|ioredis|pg|pg-[a-z-]+|postgres|@prisma/client|@prisma/adapter-pg)(/|$)|^generated/`;
/** Node's doors to the outside: whoever opens one is not pure. */
const OUTSIDE = '^(node:)?(fs|net|http|https|http2|tls|dgram|dns|child_process|cluster|worker_threads|process|os)(/|$)';

const ladderRules = LADDER.flatMap((step, height) => {
  const lower = LADDER.slice(0, height).flat();
  if (height === LADDER.length - 1 && step.length === 1) return []; // nothing is above or beside it
  return step.map((lib) => ({
    name: `ladder-${lib}`,
    comment: `libs/${lib} imports only ${lower.length > 0 ? lower.join(', ') : 'itself'}.`,
    severity: 'error',
    from: { path: `^libs/${lib}/` },
    to: { path: '^libs/', pathNot: `^libs/(${[lib, ...lower].join('|')})/` },
  }));
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...ladderRules,
    {
      name: 'lib-on-the-ladder',
      comment: 'A lib that has no step on the ladder (LADDER above) may not be used.',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { path: '^libs/', pathNot: `^libs/(${LADDER.flat().join('|')})/` },
    },
    {
      name: 'only-through-index',
      comment: 'Another lib is its index.ts and nothing else.',
      severity: 'error',
      from: { path: '^(apps|libs)/([^/]+)/', pathNot: TEST_FILE },
      to: { path: '^libs/', pathNot: `^libs/$2/|^libs/[^/]+/index\\.ts$|${CATALOGUE}` },
    },
    {
      name: 'libs-know-no-apps',
      comment: 'Apps are put together from libs, never the other way.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'apps-stand-apart',
      comment: 'Only the standalone launcher puts other apps together.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/standalone/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'clients-speak-http',
      comment:
        "The command line and the console know the kernel and the events' catalogue, and speak HTTP like any stranger.",
      severity: 'error',
      from: { path: '^apps/(cli|console)/' },
      to: { path: '^libs/', pathNot: `^libs/kernel/|${CATALOGUE}` },
    },
    {
      name: 'drivers-in-stores',
      comment: 'bullmq, ioredis, pg and the Prisma client appear only in libs/platform and in *.store.ts.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: String.raw`^libs/platform/|\.store\.ts$|${TEST_FILE}` },
      to: { path: DRIVERS },
    },
    {
      name: 'kernel-is-pure',
      comment: 'The kernel uses no package and opens no door to the outside.',
      severity: 'error',
      from: { path: '^libs/kernel/', pathNot: TEST_FILE },
      to: { path: `(^|/)node_modules/|${OUTSIDE}` },
    },
    {
      name: 'no-test-code',
      comment: 'What ships imports nothing from tests.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: TEST_FILE },
      to: { path: `^test/|${TEST_FILE}` },
    },
    {
      name: 'no-dev-packages',
      comment: 'What ships runs after `npm ci --omit=dev`.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: TEST_FILE },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'declared-packages',
      comment: 'A package that is imported stands in package.json.',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: { path: '^(apps|libs|test)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle cannot be read, tested or loaded one piece at a time.',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|^generated/|^dist/' },
    exclude: { path: '^test/arch/fixtures/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
      mainFields: ['module', 'main', 'types'],
    },
    progress: { type: 'none' },
  },
};
