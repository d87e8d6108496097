import type { BundledManifest } from './settings.ts';

/** Runtimes that agents set up by themselves where they find them. Source: k3s `manifests/runtimes.yaml`. */
const handlers = [
  'nvidia',
  'nvidia-experimental',
  'crun',
  'lunatic',
  'slight',
  'spin',
  'wws',
  'wasmedge',
  'wasmer',
  'wasmtime',
];

export function runtimeManifests(): readonly BundledManifest[] {
  const objects = handlers.map((handler) => ({
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: handler },
    handler,
  }));
  return [{ path: 'runtimes.yaml', objects }];
}
