import { quoteGo } from '../../errors/field-error.ts';
import { BOOL, INT, STRING, struct } from '../cel-type.ts';
import { CelError } from '../values.ts';
import { type FunctionDecl, member, overload } from './function.ts';
import { LibraryValue } from './opaque-values.ts';

const NAME = 'kubernetes.Semver';
export const SEMVER = struct(NAME);

export interface Semver {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];
}

export type SemverValue = LibraryValue<Semver>;

/** Source: github.com/blang/semver/v4 (Parse). */
function parse(text: string): Semver {
  if (text === '') throw new CelError('Version string empty');
  const parts = splitInto(text, '.', 3);
  if (parts.length !== 3) throw new CelError('No Major.Minor.Patch elements found');
  const [major = '', minor = '', tail = ''] = parts;
  const build = tail.indexOf('+');
  const core = build < 0 ? tail : tail.slice(0, build);
  const dash = core.indexOf('-');
  const patch = dash < 0 ? core : core.slice(0, dash);
  const numbers = [readNumber(major, 'Major'), readNumber(minor, 'Minor'), readNumber(patch, 'Patch')] as const;
  const pre = dash < 0 ? [] : core.slice(dash + 1).split('.');
  for (const part of pre) checkPart(part, 'Prerelease');
  for (const part of build < 0 ? [] : tail.slice(build + 1).split('.')) checkPart(part, 'Build meta data');
  return { numbers, pre };
}

function splitInto(text: string, separator: string, count: number): readonly string[] {
  const parts = text.split(separator);
  return parts.length <= count ? parts : [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}

function readNumber(text: string, what: string): bigint {
  if (!/^\d+$/.test(text)) {
    if (text === '') throw new CelError('strconv.ParseUint: parsing "": invalid syntax');
    throw new CelError(`Invalid character(s) found in ${what.toLowerCase()} number ${quoteGo(text)}`);
  }
  if (text.length > 1 && text.startsWith('0')) {
    throw new CelError(`${what} number must not contain leading zeroes ${quoteGo(text)}`);
  }
  return BigInt(text);
}

function checkPart(part: string, what: string): void {
  if (part === '') throw new CelError(what === 'Prerelease' ? 'Prerelease is empty' : 'Build meta data is empty');
  if (!/^[0-9A-Za-z-]+$/.test(part)) {
    throw new CelError(
      `Invalid character(s) found in ${what === 'Prerelease' ? 'prerelease' : 'build meta data'} ${quoteGo(part)}`,
    );
  }
  if (what === 'Prerelease' && /^0\d+$/.test(part)) {
    throw new CelError(`Numeric PreRelease version must not contain leading zeroes ${quoteGo(part)}`);
  }
}

/** Takes a `v` in front, leading zeros and missing parts. */
function normalize(text: string): string {
  const parts = [...splitInto(text.replace(/^v/, ''), '.', 3)].map((part) => {
    if (part.length < 2) return part;
    const stripped = part.replace(/^0+/, '');
    return /^\d/.test(stripped) ? stripped : `0${stripped}`;
  });
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) {
    throw new CelError('short version cannot contain PreRelease/Build meta data');
  }
  while (parts.length < 3) parts.push('0');
  return parts.join('.');
}

function compare(a: Semver, b: Semver): number {
  for (const at of [0, 1, 2] as const) {
    if (a.numbers[at] !== b.numbers[at]) return a.numbers[at] < b.numbers[at] ? -1 : 1;
  }
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length);
  for (let at = 0; at < Math.max(a.pre.length, b.pre.length); at++) {
    const [left, right] = [a.pre[at], b.pre[at]];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    if (left === right) continue;
    const [isLeft, isRight] = [left, right].map((part) => /^\d+$/.test(part));
    if (isLeft && isRight) return BigInt(left) < BigInt(right) ? -1 : 1;
    if (isLeft !== isRight) return isLeft ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}

/** A version as a value. @throws CelError */
export const toSemver = (text: string): SemverValue => read(text);

function read(text: string, normalizes = false): SemverValue {
  const version = parse(normalizes ? normalize(text) : text);
  return new LibraryValue(NAME, version, (a, b) => compare(a, b) === 0);
}

function isSemver(text: string, normalizes = false): boolean {
  try {
    read(text, normalizes);
    return true;
  } catch {
    return false;
  }
}

const part = (name: string, at: 0 | 1 | 2): FunctionDecl => ({
  name,
  overloads: [member(`semver_${name}`, [SEMVER], INT, ({ value }: SemverValue) => value.numbers[at])],
});

const order = (a: SemverValue, b: SemverValue): number => compare(a.value, b.value);

/** Source: apiserver `pkg/cel/library/semverlib.go`. */
export const semverFunctions: readonly FunctionDecl[] = [
  {
    name: 'semver',
    overloads: [
      overload('string_to_semver', [STRING], SEMVER, read),
      overload('string_bool_to_semver', [STRING, BOOL], SEMVER, read),
    ],
  },
  {
    name: 'isSemver',
    overloads: [
      overload('is_semver_string', [STRING], BOOL, isSemver),
      overload('is_semver_string_bool', [STRING, BOOL], BOOL, isSemver),
    ],
  },
  {
    name: 'isGreaterThan',
    overloads: [
      member('semver_is_greater_than', [SEMVER, SEMVER], BOOL, (a: SemverValue, b: SemverValue) => order(a, b) > 0),
    ],
  },
  {
    name: 'isLessThan',
    overloads: [
      member('semver_is_less_than', [SEMVER, SEMVER], BOOL, (a: SemverValue, b: SemverValue) => order(a, b) < 0),
    ],
  },
  {
    name: 'compareTo',
    overloads: [
      member('semver_compare_to', [SEMVER, SEMVER], INT, (a: SemverValue, b: SemverValue) => BigInt(order(a, b))),
    ],
  },
  part('major', 0),
  part('minor', 1),
  part('patch', 2),
];
