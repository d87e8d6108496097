import {
  type FieldError,
  fieldInvalid,
  fieldNotSupported,
  toAggregateText,
} from '../../machinery/errors/field-error.ts';
import type { TolerationSeconds } from './plugins/default-toleration-seconds.ts';
import { type EventRateLimitConfiguration, LIMIT_TYPES } from './plugins/event-rate-limit.ts';
import { type PodSecuritySettings, parsePodSecurityConfiguration } from './plugins/pod-security/configuration.ts';
import type { PodTolerationConfiguration } from './plugins/pod-toleration-restriction.ts';

/** What plugins are told beyond upstream's defaults. */
export interface PluginConfigurations {
  readonly podSecurity?: PodSecuritySettings | undefined;
  readonly eventRateLimit?: EventRateLimitConfiguration | undefined;
  readonly podTolerationRestriction?: PodTolerationConfiguration | undefined;
  readonly podNodeSelector?: PodNodeSelectorConfiguration | undefined;
  readonly tolerationSeconds?: TolerationSeconds | undefined;
}

/** Selectors (`key=value,…`) by namespace; what pods of others may select counts under `clusterDefaultNodeSelector`. */
export type PodNodeSelectorConfiguration = Readonly<Record<string, string>>;

/** Source: apiserver `pkg/apis/apiserver/v1/types.go`. */
interface AdmissionConfiguration {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly plugins?: readonly {
    readonly name?: string;
    readonly path?: string;
    readonly configuration?: unknown;
  }[];
}

const VERSIONS = ['apiserver.config.k8s.io/v1', 'apiserver.k8s.io/v1alpha1'];

/** Plugins whose configuration would have an effect upstream and has none here. */
const refused: Readonly<Record<string, string>> = {
  ImagePolicyWebhook: 'the server dials nothing but its nodes and their pods',
  MutatingAdmissionWebhook: 'webhooks are called without credentials of the server',
  ValidatingAdmissionWebhook: 'webhooks are called without credentials of the server',
  ResourceQuota: 'only what quotas name is limited',
};

/**
 * Reads an AdmissionConfiguration. Entries for plugins that take no configuration are passed over, as upstream does.
 *
 * @param read - The document of a file that an entry names instead of a configuration of its own.
 * @throws Error that names the plugin and what is wrong with its configuration.
 * Source: apiserver `pkg/admission/config.go`.
 */
export function parseAdmissionConfiguration(given: unknown, read: (path: string) => unknown): PluginConfigurations {
  const { apiVersion = '', kind, plugins = [] } = (given ?? {}) as AdmissionConfiguration;
  if (kind !== 'AdmissionConfiguration' || !VERSIONS.includes(apiVersion))
    throw new Error(`it is ${apiVersion} ${kind}, and must be ${VERSIONS[0]} AdmissionConfiguration`);
  let configurations: PluginConfigurations = {};
  for (const [index, { name = '', path, configuration }] of plugins.entries()) {
    try {
      const own = configuration ?? (path ? read(path) : undefined);
      if (own === undefined) continue;
      if (Object.hasOwn(refused, name)) throw new Error(`a configuration is not served: ${refused[name]}`);
      configurations = { ...configurations, ...parsers[name]?.(own) };
    } catch (cause) {
      throw new Error(`plugins[${index}] (${name}): ${(cause as Error).message}`, { cause });
    }
  }
  return configurations;
}

const parsers: Readonly<Record<string, ((given: unknown) => PluginConfigurations) | undefined>> = {
  PodSecurity: (given) => ({ podSecurity: parsePodSecurityConfiguration(given) }),
  EventRateLimit: (given) => ({ eventRateLimit: parseEventRateLimit(given) }),
  PodTolerationRestriction: (given) => {
    demandKind(given, 'podtolerationrestriction.admission.k8s.io/v1alpha1');
    return { podTolerationRestriction: given as PodTolerationConfiguration };
  },
  PodNodeSelector: (given) => {
    const { podNodeSelectorPluginConfig } = given as {
      readonly podNodeSelectorPluginConfig?: PodNodeSelectorConfiguration;
    };
    return { podNodeSelector: podNodeSelectorPluginConfig };
  },
};

function demandKind(given: unknown, wanted: string): void {
  const { apiVersion, kind } = (given ?? {}) as { readonly apiVersion?: unknown; readonly kind?: unknown };
  if (apiVersion !== wanted || kind !== 'Configuration')
    throw new Error(`it is ${apiVersion} ${kind}, and must be ${wanted} Configuration`);
}

/** Source: `plugin/pkg/admission/eventratelimit/apis/eventratelimit/validation`. */
function parseEventRateLimit(given: unknown): EventRateLimitConfiguration {
  demandKind(given, 'eventratelimit.admission.k8s.io/v1alpha1');
  const { limits = [] } = given as Partial<EventRateLimitConfiguration>;
  const faults: FieldError[] = limits.length === 0 ? [fieldInvalid('limits', null, 'must not be empty')] : [];
  for (const [index, { type, burst = 0, qps = 0, cacheSize = 0 }] of limits.entries()) {
    const at = `limits[${index}]`;
    if (!LIMIT_TYPES.includes(type)) faults.push(fieldNotSupported(`${at}.type`, type, LIMIT_TYPES));
    if (!(burst > 0)) faults.push(fieldInvalid(`${at}.burst`, burst, 'must be positive'));
    if (!(qps > 0)) faults.push(fieldInvalid(`${at}.qps`, qps, 'must be positive'));
    if (type !== 'Server' && !(cacheSize >= 0))
      faults.push(fieldInvalid(`${at}.cacheSize`, cacheSize, 'must not be negative'));
  }
  if (faults.length > 0) throw new Error(toAggregateText(faults));
  return { limits };
}
