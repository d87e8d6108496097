import {
  type FieldError,
  fieldDuplicate,
  fieldInvalid,
  toAggregateText,
} from '../../../../machinery/errors/field-error.ts';
import { dns1123LabelFaults, dns1123SubdomainFaults } from '../../../../machinery/values/names.ts';
import {
  LEVEL_RULE,
  type LevelVersion,
  openPolicy,
  type Policy,
  parseLevel,
  parseMinor,
  VERSION_RULE,
} from './policy.ts';

/** What counts where the labels of a namespace say nothing, and who is not judged. */
export interface PodSecuritySettings {
  readonly defaults: Policy;
  readonly exemptions: {
    readonly usernames: ReadonlySet<string>;
    readonly namespaces: ReadonlySet<string>;
    readonly runtimeClasses: ReadonlySet<string>;
  };
}

/** Upstream's: everything is allowed, and nobody needs to be exempt. */
export const openSettings: PodSecuritySettings = {
  defaults: openPolicy,
  exemptions: { usernames: new Set(), namespaces: new Set(), runtimeClasses: new Set() },
};

type Mode = keyof Policy;

/** Source: pod-security-admission `admission/api/v1/types.go`. */
interface PodSecurityConfiguration {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly defaults?: { readonly [key in Mode | `${Mode}-version`]?: string };
  readonly exemptions?: { readonly [key in keyof PodSecuritySettings['exemptions']]?: readonly string[] };
}

const VERSIONS = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `pod-security.admission.config.k8s.io/${version}`);

/**
 * Reads a PodSecurityConfiguration.
 *
 * @throws Error that names each wrong field. Source: pod-security-admission `admission/api/validation/validation.go`.
 */
export function parsePodSecurityConfiguration(given: unknown): PodSecuritySettings {
  const { apiVersion = '', kind, defaults = {}, exemptions = {} } = (given ?? {}) as PodSecurityConfiguration;
  if (kind !== 'PodSecurityConfiguration' || !VERSIONS.includes(apiVersion))
    throw new Error(`it is ${apiVersion} ${kind}, and must be ${VERSIONS[0]} PodSecurityConfiguration`);
  const faults: FieldError[] = [];
  const read = (mode: Mode): LevelVersion => {
    const { [mode]: levelText = 'privileged', [`${mode}-version` as const]: versionText = 'latest' } = defaults;
    const [level, minor] = [parseLevel(levelText || 'privileged'), parseMinor(versionText || 'latest')];
    if (level === undefined) faults.push(fieldInvalid(`defaults.${mode}`, levelText, LEVEL_RULE));
    if (minor === undefined) faults.push(fieldInvalid(`defaults.${mode}-version`, versionText, VERSION_RULE));
    return { level: level ?? openPolicy[mode].level, minor: minor ?? openPolicy[mode].minor };
  };
  const names = (
    field: keyof PodSecuritySettings['exemptions'],
    faultsOf: (name: string) => readonly string[],
  ): ReadonlySet<string> => {
    const known = new Set<string>();
    for (const [index, name] of (exemptions[field] ?? []).entries()) {
      const path = `exemptions.${field}[${index}]`;
      const wrong = faultsOf(name);
      if (wrong.length > 0) faults.push(fieldInvalid(path, name, wrong.join(', ')));
      else if (known.has(name)) faults.push(fieldDuplicate(path, name));
      known.add(name);
    }
    return known;
  };
  const settings: PodSecuritySettings = {
    defaults: { enforce: read('enforce'), warn: read('warn'), audit: read('audit') },
    exemptions: {
      namespaces: names('namespaces', dns1123LabelFaults),
      runtimeClasses: names('runtimeClasses', dns1123SubdomainFaults),
      usernames: names('usernames', (name) => (name === '' ? ['username must not be empty'] : [])),
    },
  };
  if (faults.length > 0) throw new Error(toAggregateText(faults));
  return settings;
}
