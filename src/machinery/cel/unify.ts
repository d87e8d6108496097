import { type CelType, DYN, isSameType } from './cel-type.ts';

/** What type parameters stand for, as far as it is known. */
export type Mapping = ReadonlyMap<string, CelType>;

/**
 * The mapping under which each type on the left may stand for its neighbour on the right; undefined where there is none.
 * Source: cel-go `checker/types.go`.
 */
export function assignAll(
  mapping: Mapping,
  left: readonly CelType[],
  right: readonly CelType[],
): Map<string, CelType> | undefined {
  const next = new Map(mapping);
  if (left.length !== right.length) return undefined;
  return left.every((type, at) => isAssignable(next, type, right[at] as CelType)) ? next : undefined;
}

export function assign(mapping: Mapping, left: CelType, right: CelType): Map<string, CelType> | undefined {
  return assignAll(mapping, [left], [right]);
}

function isAssignable(mapping: Map<string, CelType>, left: CelType, right: CelType): boolean {
  if (right.kind === 'param') {
    const { valid, known } = substitution(mapping, left, right);
    if (valid) return true;
    if (known) return false;
  }
  if (left.kind === 'param') return substitution(mapping, right, left).valid;
  if (isDynOrError(left) || isDynOrError(right)) return true;
  if (left.kind === 'null') return isNullable(right);
  if (right.kind === 'null') return isNullable(left);
  switch (left.kind) {
    case 'type':
      return right.kind === 'type';
    case 'opaque':
    case 'list':
    case 'map':
      return (
        left.kind === right.kind &&
        left.name === right.name &&
        left.params.length === right.params.length &&
        left.params.every((each, at) => isAssignable(mapping, each, right.params[at] as CelType))
      );
    default:
      return left.kind === right.kind && left.name === right.name;
  }
}

export function isDynOrError({ kind }: CelType): boolean {
  return kind === 'dyn' || kind === 'error';
}

function isNullable({ kind }: CelType): boolean {
  return ['null', 'opaque', 'struct', 'duration', 'timestamp'].includes(kind);
}

/** Whether a parameter can stand for a type; notes that it does. */
function substitution(
  mapping: Map<string, CelType>,
  type: CelType,
  parameter: CelType,
): { readonly valid: boolean; readonly known: boolean } {
  if (type.kind === 'param' && type.name === parameter.name) return { valid: true, known: true };
  const current = mapping.get(parameter.name);
  if (current !== undefined) {
    if (isSameType(type, current)) return { valid: true, known: true };
    if (!isAssignable(mapping, type, current)) return { valid: false, known: true };
    const general = mostGeneral(type, current);
    if (!occursIn(mapping, parameter, general)) mapping.set(parameter.name, general);
    return { valid: true, known: true };
  }
  if (occursIn(mapping, parameter, type)) return { valid: false, known: false };
  mapping.set(parameter.name, type);
  return { valid: true, known: false };
}

/** The less specific one of two types that fit each other. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isLessSpecific(a, b) ? a : b;
}

function isLessSpecific(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param' || a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  if (a.kind === 'opaque' || a.kind === 'list' || a.kind === 'map') {
    if (a.name !== b.name || a.params.length !== b.params.length) return false;
    return a.params.every((each, at) => isLessSpecific(each, b.params[at] as CelType));
  }
  return isSameType(a, b);
}

/** Whether a type holds the parameter, so that it cannot stand for it. */
function occursIn(mapping: Mapping, parameter: CelType, type: CelType): boolean {
  if (type.kind === 'param') {
    if (type.name === parameter.name) return true;
    const current = mapping.get(type.name);
    return current !== undefined && occursIn(mapping, parameter, current);
  }
  return type.params.some((each) => occursIn(mapping, parameter, each));
}

/** The type with all parameters replaced that are known; unknown ones become `dyn` where `final` is set. */
export function substitute(mapping: Mapping, type: CelType, final: boolean): CelType {
  if (type.kind === 'param') {
    const current = mapping.get(type.name);
    if (current !== undefined) return substitute(mapping, current, final);
    return final ? DYN : type;
  }
  if (type.params.length === 0) return type;
  return { ...type, params: type.params.map((each) => substitute(mapping, each, final)) };
}
