# Builds dist/ on the build platform and runs it on a small image without a shell.
FROM --platform=$BUILDPLATFORM node:26-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# Node comes with the image, and of the optional packages only the bundler's own binary is needed.
RUN npm install --omit=optional --ignore-scripts && node node_modules/esbuild/install.js
COPY . .
RUN node hack/bundle.ts

# Nothing runs in this stage, so that other platforms need no emulation: it is where Node is copied from.
FROM node:26-bookworm-slim AS node

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="warren" \
      org.opencontainers.image.description="Nested Kubernetes clusters in pods" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/warren-dev/warren"
WORKDIR /app
COPY --from=node /usr/local/bin/node /usr/local/bin/
# Node 25 and later are linked against it, and the small image does not have it.
COPY --from=node /usr/lib/*-linux-gnu/libatomic.so.1* /usr/lib/
COPY --from=build /src/dist ./dist
COPY --from=build /src/crds ./crds
COPY --from=build /src/LICENSE ./
USER 65532:65532
# The root file system may be read-only: what is written goes to volumes.
# One arena of malloc for all threads, of which all but one wait mostly: some 3 MB less.
ENV NODE_ENV=production MALLOC_ARENA_MAX=1
ENTRYPOINT ["/usr/local/bin/node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=2", "/app/dist/warren.js"]
CMD ["--help"]
