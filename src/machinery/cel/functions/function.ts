import type { CelType } from '../cel-type.ts';
import {
  CelError,
  CelMap,
  type CelValue,
  DurationValue,
  isList,
  isObject,
  isOpaque,
  OptionalValue,
  TimestampValue,
  TypeValue,
  UintValue,
} from '../values.ts';

/** One signature of a function. */
export interface Overload {
  readonly id: string;
  readonly args: readonly CelType[];
  readonly result: CelType;
  /** Called on its first argument: `a.f(b)`. */
  readonly member: boolean;
  /** Absent where the evaluator does it itself. @throws CelError */
  readonly call?: ((...args: CelValue[]) => CelValue) | undefined;
}

/** A function with its signatures, in the order in which they are tried. */
export interface FunctionDecl {
  readonly name: string;
  readonly overloads: readonly Overload[];
}

type Call = (...args: never[]) => CelValue;

/** A function that is called by its name alone. */
export function overload(id: string, args: readonly CelType[], result: CelType, call?: Call): Overload {
  return { id, args, result, member: false, call: call as Overload['call'] };
}

/** A function that is called on its first argument. */
export function member(id: string, args: readonly CelType[], result: CelType, call?: Call): Overload {
  return { id, args, result, member: true, call: call as Overload['call'] };
}

/** @param call - The call that nothing fits, such as `getHours(map)`. */
export const noSuchOverload = (call?: string): CelError =>
  new CelError(call === undefined ? 'no such overload' : `no such overload: ${call}`);

/** Of all items, the first one tells. What is declared for lists of lists takes any (`flatten`). */
function acceptsItems(type: CelType | undefined, [first]: readonly CelValue[]): boolean {
  return type === undefined || first === undefined || type.kind === 'list' || accepts(type, first);
}

/** Whether a value may be given where a type is declared. */
export function accepts({ kind, name, params }: CelType, value: CelValue): boolean {
  switch (kind) {
    case 'dyn':
    case 'param':
    case 'error':
      return true;
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'uint':
      return value instanceof UintValue;
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'bytes':
      return value instanceof Uint8Array;
    case 'null':
      return value === null;
    case 'list':
      return isList(value) && acceptsItems(params[0], value);
    case 'map':
      return value instanceof CelMap || isObject(value);
    case 'timestamp':
      return value instanceof TimestampValue;
    case 'duration':
      return value instanceof DurationValue;
    case 'type':
      return value instanceof TypeValue;
    default:
      break;
  }
  if (name === 'optional_type') return value instanceof OptionalValue;
  if (isOpaque(value)) return value.opaqueType === name;
  return isObject(value) && value.typeName === name;
}
