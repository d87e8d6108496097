/** Says what is wrong with a text, in upstream's words; empty where nothing is. */
export type TextRule = (text: string) => readonly string[];

/** How a kind's names are checked; `asPrefix` for `generateName`, which may end in a dash. */
export type NameRule = (name: string, options: { asPrefix: boolean }) => readonly string[];

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const dns1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const labelKey = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${labelKey})?`;

const labelPattern = new RegExp(`^${label}$`);
const subdomainPattern = new RegExp(`^${subdomain}$`);
const dns1035Pattern = new RegExp(`^${dns1035}$`);
const labelKeyPattern = new RegExp(`^${labelKey}$`);
const labelValuePattern = new RegExp(`^${labelValue}$`);

const keyCharacters =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const keyExamples = `(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${labelKey}')`;

function lengthFault(text: string, maxBytes: number): readonly string[] {
  return Buffer.byteLength(text) > maxBytes ? [`must be no more than ${maxBytes} bytes`] : [];
}

/** Source: apimachinery `pkg/api/validate/content/dns.go`. */
export const validateDnsLabel: TextRule = (text) => {
  const faults = [...lengthFault(text, 63)];
  if (labelPattern.test(text)) return faults;
  if (subdomainPattern.test(text)) return [...faults, 'must not contain dots'];
  const rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start";
  const examples = `(e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`;
  return [...faults, `${rule} and end with an alphanumeric character ${examples}`];
};

export const validateDnsSubdomain: TextRule = (text) => {
  const faults = [...lengthFault(text, 253)];
  if (subdomainPattern.test(text)) return faults;
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must";
  const examples = `(e.g. 'example.com', regex used for validation is '${subdomain}')`;
  return [...faults, `${rule} start and end with an alphanumeric character ${examples}`];
};

export const validateDns1035Label: TextRule = (text) => {
  const faults = [...lengthFault(text, 63)];
  if (dns1035Pattern.test(text)) return faults;
  const rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic";
  const examples = `(e.g. 'my-name',  or 'abc-123', regex used for validation is '${dns1035}')`;
  return [...faults, `${rule} character, and end with an alphanumeric character ${examples}`];
};

/** Keys of labels and annotations, names of finalizers. Source: apimachinery `pkg/api/validate/content/kube.go`. */
export const validateQualifiedName: TextRule = (text) => {
  const pieces = text.split('/');
  if (pieces.length > 2) {
    const tail = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    return [`a valid label key ${keyCharacters} ${keyExamples} ${tail}`];
  }
  const [prefix, name = ''] = pieces.length === 2 ? pieces : [undefined, pieces[0]];
  const faults: string[] = [];
  if (prefix === '') faults.push('prefix part must be non-empty');
  else if (prefix !== undefined) faults.push(...validateDnsSubdomain(prefix).map((fault) => `prefix part ${fault}`));
  if (name === '') faults.push('name part must be non-empty');
  else faults.push(...lengthFault(name, 63).map((fault) => `name part ${fault}`));
  if (!labelKeyPattern.test(name)) faults.push(`name part ${keyCharacters} ${keyExamples}`);
  return faults;
};

export const validateLabelValue: TextRule = (text) => {
  const faults = [...lengthFault(text, 63)];
  if (labelValuePattern.test(text)) return faults;
  const examples = `(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${labelValue}')`;
  return [
    ...faults,
    `a valid label must be an empty string or ${keyCharacters.replace('must consist', 'consist')} ${examples}`,
  ];
};

/** What a URL path can carry in one piece. Source: apimachinery `pkg/api/validate/content/path.go`. */
export const validatePathSegment: NameRule = (name, { asPrefix }) => {
  if (!asPrefix && (name === '.' || name === '..')) return [`may not be '${name}'`];
  return ['/', '%'].filter((piece) => name.includes(piece)).map((piece) => `may not contain '${piece}'`);
};

/** A generated name's prefix may end in a dash: something follows it. */
function asNameRule(rule: TextRule): NameRule {
  return (name, { asPrefix }) =>
    rule(asPrefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name);
}

export const nameIsDnsLabel = asNameRule(validateDnsLabel);
export const nameIsDnsSubdomain = asNameRule(validateDnsSubdomain);
export const nameIsDns1035Label = asNameRule(validateDns1035Label);

/** Kinds whose names follow another rule than DNS subdomain, by `group/resource`. Source: `pkg/apis/<group>/validation`. */
const rules: Readonly<Record<string, NameRule>> = {
  '/namespaces': nameIsDnsLabel,
  '/services': nameIsDns1035Label,
  '/events': validatePathSegment,
  'events.k8s.io/events': validatePathSegment,
  'apps/statefulsets': nameIsDnsLabel,
  'certificates.k8s.io/certificatesigningrequests': validatePathSegment,
  'rbac.authorization.k8s.io/roles': validatePathSegment,
  'rbac.authorization.k8s.io/rolebindings': validatePathSegment,
  'rbac.authorization.k8s.io/clusterroles': validatePathSegment,
  'rbac.authorization.k8s.io/clusterrolebindings': validatePathSegment,
  'policy/poddisruptionbudgets': validatePathSegment,
  'apiregistration.k8s.io/apiservices': validatePathSegment,
  'networking.k8s.io/ipaddresses': validatePathSegment,
};

/** How names of a resource are checked. */
export function nameRuleOf(resource: { readonly group: string; readonly plural: string }): NameRule {
  return rules[`${resource.group}/${resource.plural}`] ?? nameIsDnsSubdomain;
}
