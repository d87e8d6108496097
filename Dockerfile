# Builds dist/ on the build platform and runs it on a small image without a shell.
FROM --platform=$BUILDPLATFORM node:26-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# Node comes with the image, and of the optional packages only the bundler's own binary is needed.
RUN npm install --omit=optional --ignore-scripts && node node_modules/esbuild/install.js
COPY . .
RUN node hack/bundle.ts

FROM gcr.io/distroless/nodejs26-debian12:nonroot
LABEL org.opencontainers.image.title="warren" \
      org.opencontainers.image.description="Nested Kubernetes clusters in pods" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /src/dist ./dist
COPY --from=build /src/crds ./crds
COPY --from=build /src/LICENSE ./
USER 65532:65532
# The root file system is read-only: the compile cache goes with the image, /tmp is a volume.
ENV NODE_ENV=production
ENTRYPOINT ["/nodejs/bin/node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=2", "/app/dist/warren.js"]
CMD ["--help"]
