# Panda in a container: data in /data, HTTP and websocket on 4848.
#   docker build -t panda . && docker run --init -p 4848:4848 -v panda:/data panda
ARG NODE_IMAGE=node:26-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /panda
COPY package.json package-lock.json ./
# Native parts come prebuilt inside their packages: no package's script has to run.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY relay ./relay
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /panda
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
# Signatures are checked five times faster than in WebAssembly. The package's number is the ABI of Debian 13's release.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libsecp256k1-2 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /panda
COPY package.json ./
COPY --from=dependencies /panda/node_modules ./node_modules
COPY --from=build /panda/dist ./dist
# A new volume takes over the owner of the directory that it is mounted on.
RUN install -d -o node -g node -m 700 /data
ENV NODE_ENV=production \
    PANDA_DATA=/data \
    PANDA_LISTEN_HOST=0.0.0.0
USER node
VOLUME /data
EXPOSE 4848
# To listen on another port, set PANDA_PORT and not a key of the configuration file: this asks there too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PANDA_LISTEN_PORT || process.env.PANDA_PORT || 4848) + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "/panda/dist/src/cli/panda.js"]
CMD ["start"]
