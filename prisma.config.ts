import { defineConfig } from 'prisma/config';

// Only for people who run Prisma's own commands (`prisma migrate deploy`, `prisma studio`). The project itself applies
// prisma/migrations with its own runner and generates the client through scripts/generate.mjs.
export default defineConfig({
  schema: 'prisma/schema',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_ADMIN_URL'] ?? process.env['DATABASE_URL'] ?? '' },
});
