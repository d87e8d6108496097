import { isIP, isIPv6 } from 'node:net';

/**
 * String formats that definitions may name, by their name without dashes. Others are only documentation.
 * Source: apiextensions-apiserver `pkg/apiserver/validation/formats.go`, kube-openapi `pkg/validation/strfmt`.
 */
const stringFormats: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (text) => /^[0-9a-fA-F]{24}$/.test(text),
  uri: isRequestUri,
  email: (text) => /^(?:[^<>@\s]*\s*<)?[^@\s<>()[\]\\,;:"]+@[^@\s<>()\\,;:"]+>?$/.test(text),
  hostname: isHostname,
  ipv4: (text) => text.includes('.') && isIP(withoutLeadingZeros(text)) !== 0,
  ipv6: (text) => isIPv6(text) && text.includes(':'),
  cidr: isCidr,
  mac: isMac,
  uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid3: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid4: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  uuid5: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: (text) => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text),
  rgbcolor: isRgbColor,
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/.test(text),
  password: () => true,
  date: isDate,
  duration: (text) => parseFormatDuration(text) !== undefined,
  datetime: isDateTime,
  k8sshortname: (text) => text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text),
  k8slongname: (text) =>
    text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text),
};

const numberFormats: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
};

/** Whether the format is checked for values of the type; an empty type counts as a string. */
export function isRecognizedFormat(type: string, format: string): boolean {
  if (type === '' || type === 'string') return normalize(format) in stringFormats;
  return numberFormats[type]?.includes(format) ?? false;
}

/** Whether a text has the format; undefined for formats that nobody checks. */
export function hasFormat(format: string, text: string): boolean | undefined {
  return stringFormats[normalize(format)]?.(text);
}

function normalize(format: string): string {
  return format.replaceAll('-', '');
}

/** Go's `url.ParseRequestURI`, and more than a path. Source: govalidator `IsRequestURI`. */
function isRequestUri(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Go refuses exactly these.
  if (text === '' || /[\u0000-\u001f\u007f ]/.test(text.split('?')[0] ?? '')) return false;
  if (text.startsWith('/')) return !/%(?![0-9a-fA-F]{2})/.test(text.split('?')[0] ?? '');
  const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:/.exec(text);
  if (scheme === null) return false;
  const rest = text.slice(scheme[0].length).split('?')[0] ?? '';
  // What has a scheme and no slash is opaque, whatever it says.
  if (!rest.startsWith('/')) return true;
  if (/%(?![0-9a-fA-F]{2})/.test(rest)) return false;
  return !rest.startsWith('//') || isAuthority(rest.slice(2).split('/')[0] ?? '');
}

/** Source: Go's `net/url` (parseAuthority, parseHost). */
function isAuthority(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at >= 0 && !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(text.slice(0, at))) return false;
  const host = text.slice(at + 1);
  if (/[\\^`{|}#]/.test(host)) return false;
  const port = host.startsWith('[') ? host.slice(host.lastIndexOf(']') + 1) : (/:[^:]*$/.exec(host)?.[0] ?? '');
  if (host.startsWith('[') && !host.includes(']')) return false;
  return port === '' || /^:\d*$/.test(port);
}

function isHostname(text: string): boolean {
  const pattern =
    /^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$/u;
  if (Buffer.byteLength(text) > 255 || text.split('.').some((part) => Buffer.byteLength(part) > 63)) return false;
  return pattern.test(text);
}

function withoutLeadingZeros(text: string): string {
  return text.replace(/(^|[.:])0+(?=\d+(\.|$))/g, '$1');
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', more] = text.split('/');
  if (more !== undefined || !/^\d+$/.test(bits)) return false;
  const family = isIP(withoutLeadingZeros(address));
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}

function isMac(text: string): boolean {
  const groups = (count: number): boolean =>
    new RegExp(`^[0-9a-f]{2}([:-])[0-9a-f]{2}(\\1[0-9a-f]{2}){${count - 2}}$`, 'i').test(text);
  return groups(6) || groups(8) || groups(20) || /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}(\.[0-9a-f]{4})?$/i.test(text);
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = [...digits].reduce((total, char, at) => total + (10 - at) * (char === 'X' ? 10 : Number(char)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  return [...digits].reduce((total, char, at) => total + Number(char) * (at % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D+/g, '');
  const known =
    /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;
  if (!known.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, char, at) => {
    const value = Number(char) * (at % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function isRgbColor(text: string): boolean {
  const part = '\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*';
  return new RegExp(`^rgb\\(${part},${part},${part}\\)$`).test(text);
}

/** A day that exists, as `2006-01-02`. */
function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const [day = '', time, more] = text.toLowerCase().split('t');
  if (text.length < 4 || time === undefined || more !== undefined || !isDate(day)) return false;
  const match = /^(\d{2}):(\d{2}):(\d{2})(.\d+)?(z|[+-]\d{2}:\d{2})$/.exec(time);
  if (match === null) return false;
  const [, hours = '', minutes = '', seconds = ''] = match;
  return hours <= '23' && minutes <= '59' && seconds <= '59';
}

const unitNanos: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a duration as Go's `time.ParseDuration` reads it; undefined where it refuses. */
export function parseGoDuration(text: string): bigint | undefined {
  const [, sign, rest = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0n;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of rest.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const nanos = BigInt(unitNanos[unit] ?? 1);
    total += BigInt(whole === '' ? '0' : whole) * nanos;
    if (fraction !== '') total += (BigInt(fraction) * nanos) / 10n ** BigInt(fraction.length);
  }
  const limit = 2n ** 63n;
  if (total > limit || (total === limit && sign !== '-')) return undefined;
  return sign === '-' ? -total : total;
}

/** Each row: the unit's exact names, the last of which may also be only the beginning. */
const looseUnits: readonly (readonly [nanos: number, ...names: string[]])[] = [
  [1, 'ns', 'nano'],
  [1e3, 'us', 'µs', 'micro'],
  [1e6, 'ms', 'milli'],
  [1e9, 's', 'sec'],
  [60e9, 'm', 'min'],
  [3600e9, 'h', 'hr', 'hour'],
  [86_400e9, 'd', 'day'],
  [604_800e9, 'w', 'wk', 'week'],
];

/**
 * Nanoseconds of a text of the format `duration`: Go's notation, or numbers with Scala's unit names anywhere in it.
 * Undefined for anything else. Source: kube-openapi `pkg/validation/strfmt/duration.go`.
 */
export function parseFormatDuration(text: string): bigint | undefined {
  const exact = parseGoDuration(text);
  if (exact !== undefined) return exact;
  let total: bigint | undefined;
  for (const [, digits = '', word = ''] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const count = BigInt(digits);
    if (count >= 2n ** 63n) return undefined;
    const unit = word.toLowerCase();
    for (const [nanos, ...names] of looseUnits) {
      if (names.includes(unit) || unit.startsWith(names.at(-1) ?? '')) {
        total = BigInt.asIntN(64, (total ?? 0n) + count * BigInt(nanos));
      }
    }
  }
  return total;
}
