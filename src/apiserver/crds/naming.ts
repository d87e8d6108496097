import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '../../generated/api/apiextensions/v1.ts';
import { findCondition, isConditionTrue, type WantedCondition } from './conditions.ts';

export interface NamingPlan {
  readonly acceptedNames: CustomResourceDefinitionNames;
  readonly namesAccepted: WantedCondition;
  readonly established: WantedCondition;
}

/**
 * Decides which names a definition gets: first come, first served within a group. A definition is established with its
 * first accepted names and stays so. Pure.
 * Source: apiextensions-apiserver `pkg/controller/status/naming_controller.go`, `establish/establishing_controller.go`.
 *
 * @param others - All definitions; those of other groups do not matter.
 */
export function planNames(crd: CustomResourceDefinition, others: Iterable<CustomResourceDefinition>): NamingPlan {
  const taken = takenNames(crd, others);
  const wanted = crd.spec.names;
  const accepted = crd.status?.acceptedNames ?? { plural: '', kind: '' };
  const next: CustomResourceDefinitionNames = { ...accepted };
  let conflict: { reason: string; message: string } | undefined;
  const settle = (
    field: 'plural' | 'singular' | 'kind' | 'listKind',
    used: ReadonlySet<string>,
    reason: string,
  ): void => {
    const name = wanted[field] ?? '';
    if (name !== (accepted[field] ?? '') && used.has(name)) {
      conflict = { reason, message: `${JSON.stringify(name)} is already in use` };
      return;
    }
    if (name !== '') next[field] = name;
  };
  settle('plural', taken.resources, 'PluralConflict');
  settle('singular', taken.resources, 'SingularConflict');
  const clash = shortNameConflict(wanted.shortNames ?? [], accepted.shortNames ?? [], taken.resources);
  if (clash === undefined) assignList(next, 'shortNames', wanted.shortNames);
  else conflict = { reason: 'ShortNamesConflict', message: clash };
  settle('kind', taken.kinds, 'KindConflict');
  settle('listKind', taken.kinds, 'ListKindConflict');
  assignList(next, 'categories', wanted.categories);
  const namesAccepted: WantedCondition =
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict };
  return { acceptedNames: next, namesAccepted, established: planEstablished(crd, conflict === undefined) };
}

function planEstablished(crd: CustomResourceDefinition, accepted: boolean): WantedCondition {
  const before = findCondition(crd, 'Established');
  if (before !== undefined && isConditionTrue(crd, 'Established')) {
    const { reason = '', message = '' } = before;
    return { type: 'Established', status: 'True', reason, message };
  }
  if (!accepted) {
    return { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  }
  const message = 'the initial names have been accepted';
  return { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message };
}

/** Names that others of the group have, and this definition's own. */
function takenNames(
  crd: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
): { resources: ReadonlySet<string>; kinds: ReadonlySet<string> } {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of others) {
    if (other.spec.group !== crd.spec.group) continue;
    const names = other.status?.acceptedNames;
    for (const name of [names?.plural, names?.singular, ...(names?.shortNames ?? [])]) if (name) resources.add(name);
    for (const name of [names?.kind, names?.listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}

function shortNameConflict(
  wanted: readonly string[],
  accepted: readonly string[],
  used: ReadonlySet<string>,
): string | undefined {
  const clashes = wanted.filter((name) => !accepted.includes(name) && used.has(name));
  const texts = clashes.map((name) => `${JSON.stringify(name)} is already in use`);
  if (texts.length === 0) return undefined;
  return texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
}

function assignList(
  names: CustomResourceDefinitionNames,
  field: 'shortNames' | 'categories',
  list: readonly string[] | undefined,
): void {
  if (list === undefined || list.length === 0) delete names[field];
  else names[field] = [...list];
}
