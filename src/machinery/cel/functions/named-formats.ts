import { hasFormat } from '../../schema/formats.ts';
import {
  dns1035LabelFaults,
  dns1123LabelFaults,
  dns1123SubdomainFaults,
  labelValueFaults,
  qualifiedNameFaults,
} from '../../values/names.ts';
import { listOf, optionalOf, STRING, struct } from '../cel-type.ts';
import { OptionalValue } from '../values.ts';
import { type FunctionDecl, member, overload } from './function.ts';
import { LibraryValue } from './opaque-values.ts';
import { requestUriFault } from './urls.ts';

const NAME = 'kubernetes.NamedFormat';
export const FORMAT = struct(NAME);

interface NamedFormat {
  readonly name: string;
  readonly faults: (text: string) => readonly string[];
  /** An upper bound of the regular expression behind it, for costs. */
  readonly regexSize: number;
}

export type FormatValue = LibraryValue<NamedFormat>;

/** Names that something will be added to may end with a dash. */
function asPrefix(faults: (text: string) => readonly string[]): (text: string) => readonly string[] {
  return (text) => faults(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);
}

const viaFormat = (format: string, why: string) => (text: string) => (hasFormat(format, text) ? [] : [why]);

function uriFaults(text: string): readonly string[] {
  const fault = requestUriFault(text);
  return fault === undefined ? [] : [fault];
}

const formats: Readonly<Record<string, FormatValue>> = Object.fromEntries(
  (
    [
      ['dns1123Label', 'DNS1123Label', dns1123LabelFaults, 30],
      ['dns1123Subdomain', 'DNS1123Subdomain', dns1123SubdomainFaults, 60],
      ['dns1035Label', 'DNS1035Label', dns1035LabelFaults, 30],
      ['qualifiedName', 'QualifiedName', qualifiedNameFaults, 60],
      ['dns1123LabelPrefix', 'DNS1123LabelPrefix', asPrefix(dns1123LabelFaults), 30],
      ['dns1123SubdomainPrefix', 'DNS1123SubdomainPrefix', asPrefix(dns1123SubdomainFaults), 60],
      ['dns1035LabelPrefix', 'DNS1035LabelPrefix', asPrefix(dns1035LabelFaults), 30],
      ['labelValue', 'LabelValue', labelValueFaults, 40],
      ['uri', 'URI', uriFaults, 1103],
      ['uuid', 'uuid', viaFormat('uuid', 'does not match the UUID format'), 77],
      ['byte', 'byte', viaFormat('byte', 'invalid base64'), 84],
      ['date', 'date', viaFormat('date', 'invalid date'), 72],
      ['datetime', 'datetime', viaFormat('datetime', 'invalid datetime'), 72],
    ] as const
  ).map(([key, name, faults, regexSize]) => [
    key,
    new LibraryValue<NamedFormat>(NAME, { name, faults, regexSize }, (a, b) => a.name === b.name),
  ]),
);

function validate({ value }: FormatValue, text: string): OptionalValue {
  const faults = value.faults(text);
  return faults.length === 0 ? OptionalValue.none : OptionalValue.of(faults);
}

function named(name: string): OptionalValue {
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  return format === undefined ? OptionalValue.none : OptionalValue.of(format);
}

/** Source: apiserver `pkg/cel/library/format.go`. */
export const formatFunctions: readonly FunctionDecl[] = [
  { name: 'validate', overloads: [member('format-validate', [FORMAT, STRING], optionalOf(listOf(STRING)), validate)] },
  { name: 'format.named', overloads: [overload('format-named', [STRING], optionalOf(FORMAT), named)] },
  ...Object.entries(formats).map(([key, format]) => ({
    name: `format.${key}`,
    overloads: [overload(`format.${key}`, [], FORMAT, () => format)],
  })),
];
