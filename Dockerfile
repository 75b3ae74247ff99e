# One image for every process of a server. `docker run -p 8787:8787 -v c4c:/data` tries the whole market with its own
# database; docker-compose.yml runs the parts beside PostgreSQL and Redis.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY prisma prisma
COPY libs libs
COPY apps apps
RUN node scripts/build.mjs

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
# V8 has as many threads beside the first one as there are processors for them; left alone it has four.
ENV NODE_ENV=production NODE_OPTIONS=--v8-pool-size=0 HOST=0.0.0.0 PORT=8787 C4C_HOME=/data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json openapi.yaml c4c ./
COPY prisma prisma
COPY docs docs
# The user `node` (1000) comes with the image; it owns nothing but its data.
RUN mkdir /data && chown node:node /data && chmod 700 /data
USER node
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
CMD ["node", "dist/apps/standalone/main.js"]
