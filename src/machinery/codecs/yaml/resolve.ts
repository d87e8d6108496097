import { YamlFault } from './yaml-fault.ts';

/** What a scalar is. */
export type Resolved =
  | { readonly type: 'str'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'merge' | 'binary' | 'timestamp'; readonly value: string };

const PREFIX = 'tag:yaml.org,2002:';
const resolvable = new Set(['str', 'bool', 'int', 'float', 'null', 'timestamp']);

const words = new Map<string, Resolved>();
for (const word of ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']) {
  words.set(word, { type: 'bool', value: true });
}
for (const word of ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']) {
  words.set(word, { type: 'bool', value: false });
}
for (const word of ['', '~', 'null', 'Null', 'NULL']) words.set(word, { type: 'null', value: null });
for (const word of ['.nan', '.NaN', '.NAN']) words.set(word, { type: 'float', value: Number.NaN });
for (const word of ['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF']) {
  words.set(word, { type: 'float', value: Number.POSITIVE_INFINITY });
}
for (const word of ['-.inf', '-.Inf', '-.INF']) words.set(word, { type: 'float', value: Number.NEGATIVE_INFINITY });
words.set('<<', { type: 'merge', value: '<<' });

const YAML_FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/**
 * Reads a scalar by its looks, or as its tag says. Source: go.yaml.in/yaml v2 `resolve.go`.
 * @throws YamlFault where the tag does not fit
 */
export function resolveScalar(tag: string, text: string): Resolved {
  const short = tag.startsWith(PREFIX) ? tag.slice(PREFIX.length) : tag;
  if (short === 'binary') return { type: 'binary', value: text };
  if (tag !== '' && !(tag.startsWith(PREFIX) && resolvable.has(short))) return { type: 'str', value: text };
  if (short === 'str') return { type: 'str', value: text };
  const found = words.get(text) ?? numberOf(text, short) ?? ({ type: 'str', value: text } as const);
  if (short === '' || short === found.type) return found;
  if (short === 'float' && found.type === 'int') return { type: 'float', value: Number(found.value) };
  throw new YamlFault(`cannot decode !!${found.type} \`${text}\` as a !!${short}`);
}

function numberOf(text: string, tag: string): Resolved | undefined {
  if (text.startsWith('.')) {
    return YAML_FLOAT.test(text) ? { type: 'float', value: Number(text) } : undefined;
  }
  if (!/^[-+0-9]/.test(text)) return undefined;
  if (
    (tag === '' || tag === 'timestamp') &&
    /^\d{4}-\d{1,2}-\d{1,2}([Tt ]\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?\S*)?$/.test(text)
  ) {
    return { type: 'timestamp', value: text };
  }
  const plain = text.replaceAll('_', '');
  const whole = wholeNumber(plain);
  if (whole !== undefined && whole >= -(2n ** 63n) && whole < 2n ** 64n) return { type: 'int', value: whole };
  return YAML_FLOAT.test(plain) && Number.isFinite(Number(plain)) ? { type: 'float', value: Number(plain) } : undefined;
}

/** As Go's `ParseInt` reads it with base 0: a zero in front makes it octal. */
function wholeNumber(text: string): bigint | undefined {
  const [, sign = '', digits = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  const literal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  if (!/^(0|[1-9]\d*|0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.test(literal)) return undefined;
  return sign === '-' ? -BigInt(literal) : BigInt(literal);
}
