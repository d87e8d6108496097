/** Rules for names, with upstream's sentences. Source: apimachinery `pkg/util/validation/validation.go`. */

const DNS1123_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS1123_SUBDOMAIN = `${DNS1123_LABEL}(\\.${DNS1123_LABEL})*`;
const DNS1035_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED_NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED_NAME})?`;

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const patterns = {
  label: whole(DNS1123_LABEL),
  subdomain: whole(DNS1123_SUBDOMAIN),
  dns1035: whole(DNS1035_LABEL),
  qualified: whole(QUALIFIED_NAME),
  value: whole(LABEL_VALUE),
};

function regexError(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  const shown = examples.map((example, index) => `${index > 0 ? ' or ' : ''}'${example}', `).join('');
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

const tooLong = (max: number): string => `must be no more than ${max} characters`;
const tooLongBytes = (max: number): string => `must be no more than ${max} bytes`;

/** A label of a DNS name: lower case, 63 characters. */
export function dns1123LabelFaults(text: string): string[] {
  const faults: string[] = [];
  if (text.length > 63) faults.push(tooLong(63));
  if (!patterns.label.test(text)) {
    faults.push(
      patterns.subdomain.test(text)
        ? 'must not contain dots'
        : regexError(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            DNS1123_LABEL,
            'my-name',
            '123-abc',
          ),
    );
  }
  return faults;
}

/** A DNS name: lower case, 253 characters. */
export function dns1123SubdomainFaults(text: string): string[] {
  const faults: string[] = [];
  if (text.length > 253) faults.push(tooLong(253));
  if (!patterns.subdomain.test(text)) {
    faults.push(
      regexError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        DNS1123_SUBDOMAIN,
        'example.com',
      ),
    );
  }
  return faults;
}

/** As a DNS label, but beginning with a letter: names of Services. */
export function dns1035LabelFaults(text: string): string[] {
  const faults: string[] = [];
  if (text.length > 63) faults.push(tooLong(63));
  if (!patterns.dns1035.test(text)) {
    faults.push(
      regexError(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        DNS1035_LABEL,
        'my-name',
        'abc-123',
      ),
    );
  }
  return faults;
}

const QUALIFIED_MESSAGE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** A name with an optional DNS prefix: keys of annotations, finalizers, resources. */
export function qualifiedNameFaults(text: string): string[] {
  const parts = text.split('/');
  const faults: string[] = [];
  let name = text;
  if (parts.length === 2) {
    const [prefix = '', rest = ''] = parts;
    name = rest;
    if (prefix === '') faults.push('prefix part must be non-empty');
    else faults.push(...dns1123SubdomainFaults(prefix).map((fault) => `prefix part ${inBytes(fault)}`));
  } else if (parts.length > 2) {
    return [
      `a valid label key ${regexError(QUALIFIED_MESSAGE, QUALIFIED_NAME, 'MyName', 'my.name', '123-abc')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (name === '') faults.push('name part must be non-empty');
  else if (name.length > 63) faults.push(`name part ${tooLongBytes(63)}`);
  if (!patterns.qualified.test(name)) {
    faults.push(`name part ${regexError(QUALIFIED_MESSAGE, QUALIFIED_NAME, 'MyName', 'my.name', '123-abc')}`);
  }
  return faults;
}

/** The length rules of qualified names and label values count in bytes. Source: apimachinery `api/validate/content`. */
const inBytes = (fault: string): string => (fault === tooLong(253) ? tooLongBytes(253) : fault);

/** A label's key: upstream's word for a qualified name. */
export const labelKeyFaults = qualifiedNameFaults;

/** The value of a label: empty, or a name without a prefix. */
export function labelValueFaults(text: string): string[] {
  const faults: string[] = [];
  if (text.length > 63) faults.push(tooLongBytes(63));
  if (!patterns.value.test(text)) {
    faults.push(
      regexError(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_VALUE,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return faults;
}

const ENV_VAR = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const HTTP_HEADER = '[-A-Za-z0-9]+';
const PORT_NAME = /^[-a-z0-9]+$/;
const envVar = whole(ENV_VAR);
const configKey = whole(CONFIG_KEY);
const httpHeader = whole(HTTP_HEADER);

/** Any printable name but `=`. Source: IsRelaxedEnvVarName. */
export function envVarNameFaults(text: string): string[] {
  if (text === '') return ['environment variable name must be non-empty'];
  if (/^[ -<>-~]+$/.test(text)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** The stricter rule for names that shells take. Source: IsEnvVarName. */
export function strictEnvVarNameFaults(text: string): string[] {
  const faults: string[] = [];
  if (!envVar.test(text)) {
    faults.push(
      regexError(
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
        ENV_VAR,
        'my.env-name',
        'MY_ENV.NAME',
        'MyEnvName1',
      ),
    );
  }
  return [...faults, ...dotFaults(text)];
}

/** A key of a ConfigMap or Secret. */
export function configKeyFaults(text: string): string[] {
  const faults: string[] = [];
  if (text.length > 253) faults.push(tooLong(253));
  if (!configKey.test(text)) {
    faults.push(
      regexError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        CONFIG_KEY,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  return [...faults, ...dotFaults(text)];
}

function dotFaults(text: string): string[] {
  if (text === '.') return ["must not be '.'"];
  if (text === '..') return ["must not be '..'"];
  return text.startsWith('..') ? ["must not start with '..'"] : [];
}

export function httpHeaderNameFaults(text: string): string[] {
  if (httpHeader.test(text)) return [];
  return [
    regexError("a valid HTTP header must consist of alphanumeric characters or '-'", HTTP_HEADER, 'X-Header-Name'),
  ];
}

/** The name of a port: an IANA service name. */
export function portNameFaults(text: string): string[] {
  const faults: string[] = [];
  if (text.length > 15) faults.push(tooLong(15));
  if (!PORT_NAME.test(text)) faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(text)) faults.push('must contain at least one letter (a-z)');
  if (text.includes('--')) faults.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) faults.push('must not begin or end with a hyphen');
  return faults;
}

export function portNumberFaults(port: number): string[] {
  return port >= 1 && port <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** A path segment that can stand in a URL. Source: apimachinery `api/validation/path/name.go`. */
export function pathSegmentFaults(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return ['/', '%'].filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`);
}
