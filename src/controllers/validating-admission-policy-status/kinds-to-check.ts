import type { NamedRuleWithOperations } from '../../generated/api/admissionregistration/v1.ts';
import type { GroupVersionKind } from '../../machinery/object/object.ts';

export interface ResourceName {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

const MAX_KINDS = 10;

/**
 * The kinds that the rules of a policy name, without wildcards and subresources, sorted.
 * Source: apiserver `admission/plugin/policy/validating/typechecking.go` (typesToCheck).
 *
 * @param kindsOf - The kinds that a resource has; no group stands for any.
 */
export async function kindsToCheck(
  rules: readonly NamedRuleWithOperations[],
  kindsOf: (resource: ResourceName) => Promise<readonly GroupVersionKind[]>,
): Promise<readonly GroupVersionKind[]> {
  const found = new Map<string, GroupVersionKind>();
  const result = (): readonly GroupVersionKind[] => [...found.values()].sort(byName);
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].some((name) => name.includes('*'))) continue;
    const plain = resources.filter((name) => !/[*/]/.test(name)).sort();
    let count = 0;
    for (const group of [...apiGroups].sort()) {
      for (const version of [...apiVersions].sort()) {
        for (const resource of plain) {
          for (const kind of await kindsOf({ group, version, resource })) {
            found.set(kindText(kind), kind);
            count += 1;
            if (count === MAX_KINDS) return result();
          }
        }
      }
    }
  }
  return result();
}

function byName(a: GroupVersionKind, b: GroupVersionKind): number {
  for (const part of ['group', 'version', 'kind'] as const) {
    if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  }
  return 0;
}

/** A kind as Go prints it. */
export function kindText({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}, Kind=${kind}`;
}
