import { StatusError } from '../../errors/status-error.ts';
import { toPathText } from './field-set.ts';
import type { Manager } from './managers.ts';

/** A field that another manager owns. */
export interface Conflict {
  readonly manager: Manager;
  readonly path: readonly string[];
}

/** 409 with each conflict. Source: apimachinery `managedfields/internal/conflict.go`. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const groups = new Map<string, string[]>();
  for (const { manager, path } of conflicts) {
    const shown = describe(manager);
    groups.set(shown, [...(groups.get(shown) ?? []), toPathText(path)]);
  }
  const lines = [...groups.keys()].sort().map((manager) => {
    const paths = groups.get(manager) ?? [];
    return paths.length === 1 && groups.size === 1
      ? `conflict with ${manager}: ${paths[0]}`
      : `conflicts with ${manager}:\n${paths.map((path) => `- ${path}`).join('\n')}`;
  });
  const count = conflicts.length;
  const message = `Apply failed with ${count} conflict${count === 1 ? '' : 's'}: ${lines.join('\n')}`;
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describe(manager)}`,
    field: toPathText(path),
  }));
  return new StatusError({ code: 409, reason: 'Conflict', message, details: { causes } });
}

function describe({ name, operation, apiVersion, subresource }: Manager): string {
  const where = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(name)}${where}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}
