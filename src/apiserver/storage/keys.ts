import type { ObjectKey } from '../../machinery/object/object.ts';

/** Everything that Kubernetes stores begins with it. Source: kube-apiserver `--etcd-prefix`. */
const ROOT = '/registry/';

/** `/registry/<prefix>/`, with the namespace behind it where one is given. */
export function toPrefix(storagePrefix: string, namespace?: string): string {
  return namespace ? `${ROOT}${storagePrefix}/${namespace}/` : `${ROOT}${storagePrefix}/`;
}

export function toStorageKey(storagePrefix: string, { namespace, name }: ObjectKey): string {
  return `${toPrefix(storagePrefix, namespace)}${name}`;
}

/** The storage prefixes that a key may belong to, longest first: `services/specs` and `services`. */
export function prefixesOf(key: string): readonly string[] {
  if (!key.startsWith(ROOT)) return [];
  const first = key.indexOf('/', ROOT.length);
  if (first < 0) return [];
  const second = key.indexOf('/', first + 1);
  const short = key.slice(ROOT.length, first);
  return second < 0 ? [short] : [key.slice(ROOT.length, second), short];
}
