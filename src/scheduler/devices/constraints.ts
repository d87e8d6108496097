import type { Device, DeviceAttribute, DeviceConstraint } from '../../generated/api/resource/v1.ts';

/** A rule over all devices of a claim. It only gets stricter: what it refuses it refuses with more devices, too. */
export interface Constraint {
  /** Takes a device in; false where it does not go with those before. Names as in `parent/sub` where there are both. */
  add(request: RequestName, device: Device, driver: string): boolean;
  /** Takes back one `add` that was true. */
  remove(request: RequestName): void;
}

export interface RequestName {
  readonly base: string;
  /** Empty for requests without alternatives. */
  readonly sub: string;
}

/**
 * Undefined for constraints of an unknown kind.
 *
 * Source: `structured/internal/incubating/allocator_incubating.go` (matchAttributeConstraint), constraint.go.
 */
export function toConstraint({
  matchAttribute,
  distinctAttribute,
  requests = [],
}: DeviceConstraint): Constraint | undefined {
  const concerns = ({ base, sub }: RequestName): boolean =>
    requests.length === 0 || requests.includes(base) || (sub !== '' && requests.includes(`${base}/${sub}`));
  if (matchAttribute !== undefined) return matching(matchAttribute, concerns);
  return distinctAttribute === undefined ? undefined : distinct(distinctAttribute, concerns);
}

function matching(name: string, concerns: (request: RequestName) => boolean): Constraint {
  let first: string | undefined;
  let count = 0;
  return {
    add(request, device, driver) {
      if (!concerns(request)) return true;
      const value = attributeValue(device, driver, name);
      if (value === undefined) return false;
      if (count === 0) first = value;
      else if (value !== first) return false;
      count++;
      return true;
    },
    remove(request) {
      if (concerns(request)) count--;
    },
  };
}

function distinct(name: string, concerns: (request: RequestName) => boolean): Constraint {
  // As upstream, of each request the last device alone is remembered.
  const values = new Map<string, string>();
  let count = 0;
  return {
    add(request, device, driver) {
      if (!concerns(request)) return true;
      const value = attributeValue(device, driver, name);
      if (value === undefined) return false;
      if (count > 0) for (const other of values.values()) if (other === value) return false;
      values.set(request.base, value);
      count++;
      return true;
    },
    remove(request) {
      if (!concerns(request)) return;
      values.delete(request.base);
      count--;
    },
  };
}

/** Names an attribute's value by its kind; attributes without a domain belong to the driver's. */
function attributeValue({ attributes }: Device, driver: string, name: string): string | undefined {
  const exact = attributes?.[name];
  if (exact !== undefined) return toValueText(exact);
  const slash = name.indexOf('/');
  if (slash < 0 || name.slice(0, slash) !== driver) return undefined;
  const own = attributes?.[name.slice(slash + 1)];
  return own === undefined ? undefined : toValueText(own);
}

function toValueText({ string, int, bool, version }: DeviceAttribute): string | undefined {
  if (string !== undefined) return `s${string}`;
  if (int !== undefined) return `i${int}`;
  if (bool !== undefined) return `b${bool}`;
  return version === undefined ? undefined : `v${version}`;
}
