import type { Device, DeviceAttribute } from '../../generated/api/resource/v1.ts';
import type { Compilation, Environment } from '../../machinery/cel/environment.ts';
import { quantityValue } from '../../machinery/cel/functions/quantities.ts';
import { toSemver } from '../../machinery/cel/functions/semvers.ts';
import { CelError, CelMap, type CelObject, type CelValue, typeNameOf } from '../../machinery/cel/values.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { deviceEnvironment, SELECTOR_COST_LIMIT } from '../../resources/dynamic-resources/selector-compiler.ts';

/** Thrown where an expression cannot be judged; its sentence is upstream's. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/** What cel-go says of values that are no booleans. */
const conversions: Readonly<Record<string, string>> = {
  int: "unsupported type conversion from 'int' to bool",
  'kubernetes.Semver': "type conversion error from 'Semver' to 'bool'",
};
const MOST_COMPILED = 100;
const NOTHING = new CelMap([]);

/** A map whose missing entries read as empty maps: attributes of a domain that a device knows nothing of. */
class DomainMap extends CelMap {
  override find(key: CelValue): CelValue {
    return super.find(key) ?? NOTHING;
  }
}

/**
 * Judges devices by the expressions of selectors; what is compiled, and what devices read as, is kept.
 *
 * Source: `k8s.io/dynamic-resource-allocation/cel/compile.go` (DeviceMatches).
 */
export class DeviceMatcher {
  readonly #environment: Environment = deviceEnvironment;
  readonly #compiled = new Map<string, Compilation>();
  readonly #values = new WeakMap<Device, CelObject>();

  /** @throws SelectorError for what does not compile, fails, or comes to something else than a boolean. */
  matches(expression: string, device: Device, driver: string): boolean {
    const compilation = this.#compile(expression);
    if ('issues' in compilation)
      throw new SelectorError(`CEL compile error: compilation failed: ${compilation.issues}`);
    let value = this.#values.get(device);
    if (value === undefined) {
      value = toDeviceValue(device, driver);
      this.#values.set(device, value);
    }
    const result = compilation.compiled.run((name) => (name === 'device' ? value : undefined), {
      costLimit: SELECTOR_COST_LIMIT,
    });
    if (result.error !== undefined) throw new SelectorError(`CEL runtime error: ${result.error.message}`);
    if (typeof result.value === 'boolean') return result.value;
    const type = typeNameOf(result.value ?? null);
    const why = conversions[type] ?? `unsupported native conversion from ${type} to 'bool'`;
    throw new SelectorError(`CEL runtime error: CEL result of type ${type} could not be converted to bool: ${why}`);
  }

  #compile(expression: string): Compilation {
    const known = this.#compiled.get(expression);
    if (known !== undefined) return known;
    const compilation = this.#environment.compile(expression);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size >= MOST_COMPILED && oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(expression, compilation);
    return compilation;
  }
}

function toDeviceValue(device: Device, driver: string): CelObject {
  const fields: Readonly<Record<string, CelValue>> = {
    driver,
    allowMultipleAllocations: device.allowMultipleAllocations ?? false,
    attributes: byDomain(device.attributes, driver, (attribute, name) => toAttributeValue(attribute, name)),
    capacity: byDomain(device.capacity, driver, ({ value }) => quantityValue(parseQuantity(value))),
  };
  return {
    celObject: true,
    typeName: 'kubernetes.DRADevice',
    names: () => Object.keys(fields),
    find: (name) => (Object.hasOwn(fields, name) ? fields[name] : undefined),
    source: device,
  };
}

/** Names without a domain belong to the driver's. */
function byDomain<T>(
  entries: Readonly<Record<string, T>> | undefined,
  driver: string,
  read: (entry: T, name: string) => CelValue,
): CelMap {
  const domains = new Map<string, [CelValue, CelValue][]>();
  for (const [name, entry] of Object.entries(entries ?? {})) {
    const slash = name.indexOf('/');
    const domain = slash < 0 ? driver : name.slice(0, slash);
    const known = domains.get(domain) ?? [];
    known.push([slash < 0 ? name : name.slice(slash + 1), read(entry, name)]);
    domains.set(domain, known);
  }
  return new DomainMap([...domains].map(([domain, values]) => [domain, new CelMap(values)] as const));
}

function toAttributeValue(attribute: DeviceAttribute, name: string): CelValue {
  if (attribute.int !== undefined) return BigInt(attribute.int);
  if (attribute.bool !== undefined) return attribute.bool;
  if (attribute.string !== undefined) return attribute.string;
  if (attribute.version === undefined)
    throw new SelectorError(`CEL runtime error: attribute ${name}: unsupported attribute value`);
  try {
    return toSemver(attribute.version);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    const message = `CEL runtime error: attribute ${name}: parse semantic version: ${error.message}`;
    throw new SelectorError(message, { cause: error });
  }
}
