import type { KubeObject } from '../../machinery/object/object.ts';

const SUFFIX = '.static.k8s.io';

/** Names that a later version keeps for itself. Source: admissionregistration/validation/static_suffix.go. */
export function reservedNameWarnings({ metadata }: KubeObject): readonly string[] {
  if (!metadata.name?.endsWith(SUFFIX)) return [];
  return [
    `metadata.name: names ending with "${SUFFIX}" are reserved for static manifest-based configurations and cannot be managed via the API`,
  ];
}
