import type { AnyObject } from '../../machinery/object/object.ts';

/** What the bundled manifests need to know of the cluster. */
export interface BundledSettings {
  /** Addresses of the DNS Service, one of each family. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** Where volumes of the class `local-path` lie on the machines. */
  readonly localStoragePath: string;
  /** Registry from which all images come, as `host/path`. Default: each from its own. */
  readonly registry?: string | undefined;
}

/** An image at the registry that is set for the cluster. Source: k3s `--system-default-registry`. */
export function imageAt(registry: string | undefined, image: string): string {
  return registry ? `${registry}/${image}` : image;
}

/** A manifest that comes with the server. */
export interface BundledManifest {
  /** Below the folder of manifests, such as `metrics-server/auth-reader.yaml`. */
  readonly path: string;
  /** In the order in which they are applied. */
  readonly objects: readonly AnyObject[];
}

/** Pods of the cluster's own run on every kind of node. Source: k3s `manifests/`. */
export const systemTolerations = [
  { key: 'CriticalAddonsOnly', operator: 'Exists' },
  { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' },
];
