import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DYN, INT, listOf, mapOf, STRING } from './cel-type.ts';
import { Environment } from './environment.ts';
import { CelMap, type CelValue } from './values.ts';

const environment = new Environment({
  variables: { a: INT, s: STRING, l: listOf(INT), m: mapOf(STRING, INT), d: DYN, n: DYN },
});

const variables: Readonly<Record<string, CelValue>> = {
  a: 3n,
  s: 'abc',
  l: [1n, 2n, 3n],
  m: new CelMap([
    ['x', 1n],
    ['y', 2n],
  ]),
  d: 5n,
  n: null,
};

function evaluate(source: string, costLimit = 1_000_000) {
  const compilation = environment.compile(source);
  if ('issues' in compilation) throw new Error(compilation.issues);
  return compilation.compiled.run((name) => variables[name], { costLimit });
}

const truths: Record<string, readonly string[]> = {
  'doubles as Go writes them': [
    'string(999999.0) == "999999" && string(1000000.0) == "1e+06" && string(1234567.5) == "1.2345675e+06"',
    '"%.12e".format([1.5]) == "1.500000×10⁰⁰" && "%.20e".format([1.5]).size() == 20',
  ],
  'amounts that upstream holds as whole numbers': [
    'quantity("1.5k").asInteger() == 1500 && quantity("1Gi").isInteger() && quantity("1E").isInteger()',
    '!quantity("1.0").isInteger() && !quantity("1000m").isInteger() && !quantity("1.5Gi").isInteger()',
    '!quantity("250m").add(quantity("750m")).isInteger() && quantity("1k").sub(1).asInteger() == 999',
    '!quantity("1Ei").isInteger() && !quantity("1234567890123456789").isInteger()',
  ],
  'signs as a part of numbers': ['-(-3) == 3 && [-1][0] == -1 && --3 == 3'],
  'lists and maps of a comma alone': ['[,] == [] && {,} == {}'],
  'fields of what has none as absent': ['!has(d.x) && !has(n.x)'],
  'numbers by their own laws': [
    '-7 % 3 == -1 && -7 / 2 == -3',
    'dyn(1) == dyn(1.0) && dyn(1u) == dyn(1)',
    '1.0 / 0.0 > 1.0e300',
    'uint(3) == 3u && double("1.5") == 1.5 && int("-4") == -4',
    '0x1F == 31',
  ],
  'text by its code points and bytes by theirs': [
    '"é".size() == 1 && b"é".size() == 2',
    '"\\u00e9" == "é" && r"\\n".size() == 2',
    '"abc".charAt(1) == "b" && "abcb".lastIndexOf("b") == 3',
    '" a ".trim() == "a" && "aXa".lowerAscii() == "axa" && "a,b".split(",").join("-") == "a-b"',
    '"%s has %d of %.2f".format([s, a, 1.5]) == "abc has 3 of 1.50"',
    '"aa".replace("a", "b", 1) == "ba"',
  ],
  'macros over lists and maps': [
    'l.all(x, x > 0) && !l.exists(x, x > 3) && l.exists_one(x, x == 2)',
    'l.map(x, x * 2) == [2, 4, 6] && l.map(x, x > 1, x) == [2, 3] && l.filter(x, x < 2) == [1]',
    'm.exists(k, m[k] == 2) && has(m.x) && !has(m.z) && "x" in m',
  ],
  'macros of two variables': [
    'l.all(i, v, i < v) && m.existsOne(k, v, v == 2)',
    'l.transformList(i, v, i + v) == [1, 3, 5]',
    'm.transformMap(k, v, v + 1) == {"x": 2, "y": 3}',
  ],
  'and, or and the ternary past faults that do not matter': [
    '1 / 0 > 0 || true',
    '!(1 / 0 > 0 && false)',
    'true ? true : 1 / 0 > 0',
    'l.exists(x, x / 0 > 1 || x == 2)',
  ],
  optionals: [
    'm[?"z"].orValue(7) == 7 && m.?x.hasValue() && !m.?z.hasValue()',
    '[?m[?"z"], 1] == [1] && {?"k": m.?x} == {"k": 1}',
    'm.?x.optMap(v, v + 1).value() == 2 && optional.none().or(optional.of(1)).value() == 1',
  ],
  times: [
    'duration("1h30m").getMinutes() == 90 && string(duration("90s")) == "90s"',
    'timestamp("2024-02-29T00:00:00Z").getDayOfYear() == 59',
    'timestamp("2024-01-01T00:00:00Z") + duration("1h") == timestamp("2024-01-01T01:00:00Z")',
    'timestamp("2024-01-01T00:00:00Z").getHours("+02:00") == 2',
    'timestamp("2024-01-01T00:00:00+02:00").getHours() == 0',
    'string(timestamp("2024-01-01T00:00:00+02:00") + duration("1s")) == "2024-01-01T00:00:01+02:00"',
  ],
  'libraries of Kubernetes': [
    'quantity("1Ki").asInteger() == 1024 && quantity("50m").isLessThan(quantity("1")) && isQuantity("1G")',
    'quantity("1").add(quantity("500m")).compareTo(quantity("1.5")) == 0',
    'ip("1.2.3.4").family() == 4 && ip.isCanonical("::1") && !isIP("1.2.3")',
    'cidr("10.0.0.0/8").containsIP("10.1.2.3") && cidr("10.0.0.0/8").prefixLength() == 8',
    'url("https://a.b:80/x?q=1").getPort() == "80" && url("https://a.b/x?q=1").getQuery() == {"q": ["1"]}',
    'semver("1.2.3").major() == 1 && semver("v1.2", true).isLessThan(semver("1.2.1")) && !isSemver("1")',
    's.matches("^a.c$") && s.find("b+") == "b" && "a1b2".findAll("[0-9]") == ["1", "2"]',
    'l.isSorted() && l.sum() == 6 && [1.5, 1.5].sum() == 3.0 && dyn([1.5]).sum() == 1.5 && l.min() == 1 && l.indexOf(3) == 2 && l.slice(0, 2) == [1, 2]',
    'sets.intersects(l, [3]) && sets.contains(l, [1, 2]) && sets.equivalent([1, 1], [1])',
    '!format.dns1123Label().validate("a").hasValue() && format.dns1123Label().validate("A").hasValue()',
  ],
  types: ['type(a) == int && type(l) == list && type(type(1)) == type', 'd == 5 && n == null && d != null'],
};

const faults: Record<string, string> = {
  'l[5]': 'index out of bounds: 5',
  'm["z"]': 'no such key: z',
  'm.z': 'no such key: z',
  '1 / 0': 'division by zero',
  '1 % 0': 'modulus by zero',
  '9223372036854775807 + 1': 'integer overflow',
  '1u - 2u': 'unsigned integer overflow',
  'd + "x"': 'no such overload',
  'dyn(m) + d': 'no such overload: _+_',
  'dyn(m) < d': 'no such overload: _<_',
  'size(d)': 'no such overload: size',
  'n.getHours()': 'no such overload: getHours(null_type)',
  'd.x': 'no such key: x',
  'n[0]': 'no such key: 0',
  'dyn(m)[dyn(l)]': 'invalid qualifier type: []interface {}',
  'dyn(l)[dyn(s)]': "unsupported index type 'string' in list",
  'quantity("1") == d': 'no such overload',
  'duration(d)': "type conversion error from 'int' to 'google.protobuf.Duration'",
  'cidr("10.0.0.0/8").containsIP(dyn("x"))': 'no such overload',
  'int(s)': "type conversion error from 'string' to 'int'",
};

const issues: Record<string, string> = {
  '"%d".format(["a"])': 'error during formatting: decimal clause can only be used on integers, was given string',
  '"%s".format([[quantity("1")]])':
    'error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given kubernetes.Quantity',
  '"a".format([1])': 'too many arguments supplied to string.format (expected 0, got 1)',
  '"%s%s".format([1])': 'index 1 out of range',
  'duration(1)': 'invalid duration argument',
  '[1 2]': "Syntax error: extraneous input '2' expecting {']', ','}",
  '{1:2 3}': "Syntax error: extraneous input '3' expecting {'}', ','}",
  'size(s s)': "Syntax error: extraneous input 's' expecting ')'",
  'l[0,1]': "Syntax error: missing ']' at ','",
  undeclared: "undeclared reference to 'undeclared' (in container '')",
  '"a".foo()': "undeclared reference to 'foo' (in container '')",
  '1 + "a"': "found no matching overload for '_+_' applied to '(int, string)'",
  '1 == 1.0': "found no matching overload for '_==_' applied to '(int, double)'",
  '[1, "a"]': "expected type 'int' but found 'string'",
  'duration("1 minute")': 'invalid duration argument',
  'timestamp("today")': 'invalid timestamp argument',
  's.matches(")")': 'invalid matches argument',
  's.find(")")': 'error parsing regexp: unexpected ): `)`',
  'int("x")': "type conversion error from 'string' to 'int'",
  'd.true': "Syntax error: mismatched input 'true' expecting IDENTIFIER",
  'has(a)': 'invalid argument to has() macro',
  'l.all(1, true)': 'argument must be a simple name',
  '1 +':
    "Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
};

/** What upstream counts for these; its tests of cost stability hold the figures. */
const costs: Record<string, number> = {
  true: 0,
  a: 1,
  'a == 1': 2,
  '[1]': 0,
  '[a]': 11,
  'a in [1, 2]': 1,
  'type(a) == int': 3,
  'duration("1m") == duration("60s")': 1,
  'a == 1 ? m.x : a': 2,
  'l[a - 1]': 4,
  'm.?z.hasValue()': 2,
  'sets.contains(l, [1, a])': 19,
  'm.x': 2,
  'has(m.x)': 1,
  'l.all(x, x > 0)': 17,
};

describe('an expression', () => {
  for (const [name, sources] of Object.entries(truths)) {
    it(`computes ${name}`, () => {
      for (const source of sources) assert.deepEqual([source, evaluate(source).value], [source, true]);
    });
  }

  for (const [source, message] of Object.entries(faults)) {
    it(`fails in the words of upstream: ${source}`, () => assert.equal(evaluate(source).error?.message, message));
  }

  for (const [source, message] of Object.entries(issues)) {
    it(`does not compile: ${source}`, () => {
      const compilation = environment.compile(source);
      assert.ok('issues' in compilation && compilation.issues.includes(message), JSON.stringify(compilation));
    });
  }

  for (const [source, cost] of Object.entries(costs)) {
    it(`costs what upstream counts: ${source}`, () => assert.equal(evaluate(source).cost, cost));
  }

  it('points at the place of a fault', () => {
    const text = "ERROR: <input>:1:8: undeclared reference to 'foo' (in container '')\n | \"a\".foo()\n | .......^";
    assert.deepEqual(environment.compile('"a".foo()'), { issues: text });
  });

  it('stops where it costs too much', () => {
    assert.match(evaluate('l.all(x, l.all(y, x + y > 0))', 20).error?.message ?? '', /cost limit exceeded/);
  });

  it('is no reason to fail however long or deep it is', () => {
    for (const source of ['('.repeat(5000), `${'!'.repeat(9000)}true`, Array(20_000).fill('a').join('+'), '\0', '"']) {
      assert.ok('issues' in environment.compile(source) || evaluate(source));
    }
  });
});
