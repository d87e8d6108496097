import type { Toleration } from '../../../generated/api/core/v1.ts';
import { isSame } from '../../registry/equality.ts';

/** Both lists as one, without what another one of them covers. Source: `pkg/util/tolerations` (MergeTolerations). */
export function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
  const all = [...first, ...second];
  const merged: Toleration[] = [];
  for (const [index, toleration] of all.entries()) {
    const isCovered =
      merged.some((other) => tolerationCovers(other, toleration)) ||
      all.slice(index + 1).some((other) => !isSame(toleration, other) && tolerationCovers(other, toleration));
    if (!isCovered) merged.push({ ...toleration });
  }
  return merged;
}

/** Whether one toleration tolerates all that another does. Source: `pkg/util/tolerations` (isSuperset). */
export function tolerationCovers(wide: Toleration, narrow: Toleration): boolean {
  if (isSame(wide, narrow)) return true;
  const exists = wide.operator === 'Exists';
  if ((narrow.key ?? '') !== (wide.key ?? '') && (wide.key || !exists)) return false;
  if (wide.effect && narrow.effect !== wide.effect) return false;
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds) return false;
  }
  if (exists) return true;
  if (wide.operator && wide.operator !== 'Equal') return false;
  return narrow.operator === 'Equal' && (narrow.value ?? '') === (wide.value ?? '');
}
