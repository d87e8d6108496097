import { qualifiedNameFaults } from '../../machinery/values/names.ts';

const standard = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

/**
 * What upstream thinks of the names of finalizers that are new to a custom object.
 * Source: apiextensions-apiserver `pkg/registry/customresource/validator.go` (validateKubeFinalizerName).
 */
export function finalizerWarnings(added: readonly string[]): readonly string[] {
  return [...new Set(added)].sort().flatMap((name) => {
    const head = `metadata.finalizers: ${JSON.stringify(name)}: `;
    const faults = qualifiedNameFaults(name).map((text) => `${head}${text}`);
    if (name.includes('/') || standard.has(name)) return faults;
    const path = name.includes('.') ? ' including a path (/)' : '';
    return [
      ...faults,
      `${head}prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
    ];
  });
}
