import { setOwnField } from '../../values/own-field.ts';
import type { MapNode, YamlNode } from './compose.ts';
import { resolveScalar } from './resolve.ts';
import { YamlFault } from './yaml-fault.ts';

/** Keys as Go has them, which are no texts only: `1` and `"1"` are two. */
type Key = string | bigint | number | boolean | null;
/** Maps before their keys become texts. */
type Raw = Key | readonly Raw[] | Map<Key, Raw>;

export interface YamlValue {
  readonly value: unknown;
  /** Sentences on keys that stand twice, such as `line 5: key "x" already set in map`. */
  readonly duplicates: readonly string[];
}

/**
 * The JSON value of nodes, with sorted keys. Of keys that stand twice the last counts.
 * @throws YamlFault; Error with the message of what comes after YAML, for what JSON does not have
 *
 * Source: go.yaml.in/yaml v2 `decode.go`, sigs.k8s.io/yaml (convertToJSONableObject).
 */
export function toYamlValue(node: YamlNode): YamlValue {
  const decoder = new Decoder();
  const raw = decoder.read(node);
  return { value: toJson(raw), duplicates: decoder.duplicates };
}

/** Reads of nodes below which aliases may make up nearly all, and above which few of them may. */
const FEW_READS = 400_000;
const MANY_READS = 4_000_000;

class Decoder {
  readonly duplicates: string[] = [];
  readonly #open = new Set<YamlNode>();
  #reads = 0;
  #aliasReads = 0;
  #isInAlias = false;

  read(node: YamlNode): Raw {
    this.#count();
    switch (node.kind) {
      case 'alias': {
        if (this.#open.has(node.target)) throw new YamlFault(`anchor '${node.name}' value contains itself`);
        const before = this.#isInAlias;
        this.#isInAlias = true;
        const value = this.read(node.target);
        this.#isInAlias = before;
        return value;
      }
      case 'list':
        return this.#within(node, () => node.items.map((item) => this.read(item)));
      case 'map':
        return this.#within(node, () => {
          const map = new Map<Key, Raw>();
          this.#fill(map, node);
          return map;
        });
      default: {
        if (node.tag === '' && !node.implicit) return node.value;
        const { type, value } = resolveScalar(node.tag, node.value);
        if (type !== 'binary') return value;
        if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value))
          throw new YamlFault('!!binary value contains invalid base64 data');
        return Buffer.from(value, 'base64').toString('utf8');
      }
    }
  }

  /** A node that is being read contains itself where an alias of it is met. */
  #within<T>(node: YamlNode, read: () => T): T {
    const isNew = !this.#open.has(node);
    this.#open.add(node);
    const value = read();
    if (isNew) this.#open.delete(node);
    return value;
  }

  #count(): void {
    this.#reads++;
    if (this.#isInAlias) this.#aliasReads++;
    if (this.#aliasReads <= 100 || this.#reads <= 1000) return;
    const span = Math.min(Math.max(this.#reads - FEW_READS, 0) / (MANY_READS - FEW_READS), 1);
    if (this.#aliasReads / this.#reads > 0.99 - 0.89 * span) {
      throw new YamlFault('document contains excessive aliasing');
    }
  }

  #fill(map: Map<Key, Raw>, { entries }: MapNode): void {
    for (const [keyNode, valueNode] of entries) {
      const isMerge = keyNode.kind === 'scalar' && keyNode.value === '<<' && keyNode.implicit;
      if (isMerge) {
        this.#merge(map, valueNode);
        continue;
      }
      const key = this.read(keyNode);
      if (typeof key === 'object' && key !== null) throw new YamlFault(`invalid map key: ${toGoSyntax(key)}`);
      const value = this.read(valueNode);
      if (map.has(key)) {
        this.duplicates.push(`line ${valueNode.line + 1}: key ${toGoSyntax(key)} already set in map`);
      }
      map.set(key, value);
    }
  }

  #merge(map: Map<Key, Raw>, node: YamlNode): void {
    const sources = node.kind === 'list' ? [...node.items].reverse() : [node];
    for (const source of sources) {
      const target = source.kind === 'alias' ? source.target : source;
      if (target.kind !== 'map') throw new YamlFault('map merge requires map or sequence of maps as the value');
      this.#count();
      const before = this.#isInAlias;
      this.#isInAlias ||= source.kind === 'alias';
      this.#fill(map, target);
      this.#isInAlias = before;
    }
  }
}

function toJson(raw: Raw): unknown {
  if (raw instanceof Map) {
    const entries = [...raw].map(([key, value]) => [keyText(key, value), value] as const);
    const result: Record<string, unknown> = {};
    for (const [key, value] of entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      setOwnField(result, key, toJson(value));
    }
    return result;
  }
  if (Array.isArray(raw)) return raw.map(toJson);
  if (typeof raw === 'bigint') return Number.isSafeInteger(Number(raw)) ? Number(raw) : raw;
  if (typeof raw === 'number' && !Number.isFinite(raw)) {
    throw new YamlFault(`json: unsupported value: ${Number.isNaN(raw) ? 'NaN' : raw > 0 ? '+Inf' : '-Inf'}`);
  }
  return raw;
}

function keyText(key: Key, value: Raw): string {
  if (key === null)
    throw new YamlFault(`unsupported map key of type: %!s(<nil>), key: <nil>, value: ${toGoSyntax(value)}`);
  if (typeof key === 'number') {
    if (Number.isNaN(key)) return '.nan';
    if (!Number.isFinite(key)) return key > 0 ? '.inf' : '-.inf';
    return String(Math.fround(key) === key ? key : Number(Math.fround(key).toPrecision(7)));
  }
  return String(key);
}

/** As Go's `%#v` shows it. */
function toGoSyntax(raw: Raw): string {
  if (raw === null) return 'interface {}(nil)';
  if (raw instanceof Map) {
    const entries = [...raw].map(([key, value]) => `${toGoSyntax(key)}:${toGoSyntax(value)}`);
    return `map[interface {}]interface {}{${entries.join(', ')}}`;
  }
  if (Array.isArray(raw)) return `[]interface {}{${raw.map(toGoSyntax).join(', ')}}`;
  return typeof raw === 'string' ? JSON.stringify(raw) : String(raw);
}
