import type { AnyObject } from '../machinery/object/object.ts';

/** A field that somebody else has put where only the operator has a say. */
export interface Intrusion {
  /** Keys and indexes that lead to it. */
  readonly path: readonly (string | number)[];
  /** As users read it: `spec.template.spec.containers[name=miner]`. */
  readonly text: string;
  /** The field manager that put it there. */
  readonly manager: string;
}

type FieldSet = { readonly [key: string]: FieldSet };

interface Guard {
  /** Where others have no say. */
  readonly own: readonly string[];
  /** What in there is everybody's after all. */
  readonly shared?: readonly string[];
}

/**
 * Where a field more changes what runs, what it may do, or who reaches it. All else is shared: metadata of every object,
 * also of a pod template, where people restart servers and tools leave notes; and what cloud providers fill in.
 */
const guards: Readonly<Record<string, Guard>> = {
  Deployment: { own: ['spec'], shared: ['spec.template.metadata'] },
  Service: { own: ['spec.ports', 'spec.externalIPs'] },
  NetworkPolicy: { own: ['spec'] },
  PodDisruptionBudget: { own: ['spec'] },
  Ingress: { own: ['spec.defaultBackend', 'spec.rules', 'spec.tls'] },
};

/**
 * What others own in a guarded object and the operator does not, by the record that the host keeps of owners. Defaults of
 * the host and what its admission adds to the operator's own requests belong to nobody else, so they are none.
 */
export function intrusionsOf(kind: string, object: AnyObject, operator: string): readonly Intrusion[] {
  const guard = guards[kind];
  const entries = object.metadata.managedFields ?? [];
  if (guard === undefined) return [];
  const foreign = entries.filter(({ manager, subresource }) => manager !== operator && !subresource);
  if (foreign.length === 0) return [];
  const own = entries
    .filter(({ manager, subresource }) => manager === operator && !subresource)
    .reduce<FieldSet>((set, { fieldsV1 }) => merged(set, (fieldsV1 ?? {}) as FieldSet), {});
  const found: Intrusion[] = [];
  for (const { manager = 'unknown', fieldsV1 } of foreign) {
    const walk = (theirs: FieldSet, ours: FieldSet | undefined, place: Omit<Intrusion, 'manager'>, value: unknown) => {
      for (const [key, inner] of Object.entries(theirs)) {
        const next = step(key, value, place);
        if (next === undefined || guard.shared?.includes(next.place.text)) continue;
        const mine = ours?.[key];
        const isGuarded = guard.own.some((text) => isWithin(next.place.text, text));
        if (mine === undefined && isGuarded) found.push({ ...next.place, manager });
        // Where ours has nothing below, the whole of it is ours.
        else if (mine === undefined || Object.keys(mine).length > 0) walk(inner, mine, next.place, next.value);
      }
    };
    walk((fieldsV1 ?? {}) as FieldSet, own, { path: [], text: '' }, object);
  }
  return found.filter(
    (each, index) =>
      !found.some(
        (other, at) => isWithin(each.text, other.text) && (each.text !== other.text || at < index) && other !== each,
      ),
  );
}

interface PatchOperation {
  readonly op: 'remove' | 'replace';
  readonly path: string;
  readonly value?: unknown;
}

/** The JSON patch that takes them away, if the object is still this one. */
export function toRemoval(
  intrusions: readonly Intrusion[],
  { metadata, ...present }: AnyObject,
  wish: AnyObject,
): PatchOperation[] {
  const pointer = ({ path }: Intrusion): string =>
    path.map((each) => `/${String(each).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  // From the end, so that indexes still hold.
  const ordered = [...intrusions].sort((a, b) => compare(b.path, a.path));
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
    ...ordered.map((each) => ({ op: 'remove' as const, path: pointer(each) })),
    ...strategyOf(present, wish),
  ];
}

/** Parameters of a strategy are its own: those of another one are refused, and their defaults belong to nobody. */
function strategyOf(present: object, wish: object): PatchOperation[] {
  const [is, wished] = [present, wish].map(
    (object) => (object as { spec?: { strategy?: { type?: string } } }).spec?.strategy,
  );
  if (wished === undefined || is?.type === wished.type) return [];
  return [{ op: 'replace', path: '/spec/strategy', value: wished }];
}

function compare(left: Intrusion['path'], right: Intrusion['path']): number {
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [a, b] = [left[index], right[index]];
    if (a === b) continue;
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    return String(a) < String(b) ? -1 : 1;
  }
  return left.length - right.length;
}

/** `f:name` is a field, `k:{…}` the item with these keys, `v:…` the item of this value; `.` the thing itself. */
function step(
  key: string,
  value: unknown,
  { path, text }: Omit<Intrusion, 'manager'>,
): { place: Omit<Intrusion, 'manager'>; value: unknown } | undefined {
  if (key.startsWith('f:')) {
    const name = key.slice(2);
    const inner = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    if (inner === undefined) return undefined;
    return { place: { path: [...path, name], text: text === '' ? name : `${text}.${name}` }, value: inner };
  }
  if (!Array.isArray(value) || !/^[kv]:/.test(key)) return undefined;
  const wanted: unknown = JSON.parse(key.slice(2));
  const isValue = key.startsWith('v:');
  const index = isValue ? value.indexOf(wanted) : value.findIndex((item) => hasKeys(item, wanted as object));
  if (index < 0) return undefined;
  const label = isValue
    ? String(wanted)
    : Object.entries(wanted as object)
        .map(([name, is]) => `${name}=${is}`)
        .join(',');
  return { place: { path: [...path, index], text: `${text}[${label}]` }, value: value[index] };
}

/** A key that an item leaves out has its default there. */
function hasKeys(item: unknown, keys: object): boolean {
  if (typeof item !== 'object' || item === null) return false;
  const fields = item as Record<string, unknown>;
  return Object.entries(keys).every(([name, is]) => fields[name] === is || fields[name] === undefined);
}

function isWithin(text: string, outer: string): boolean {
  return text === outer || text.startsWith(`${outer}.`) || text.startsWith(`${outer}[`);
}

function merged(left: FieldSet, right: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = { ...left };
  for (const [key, inner] of Object.entries(right)) {
    const before = result[key];
    result[key] = before === undefined ? inner : merged(before, inner);
  }
  return result;
}
