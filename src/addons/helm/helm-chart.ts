import type { PodSecurityContext, SecurityContext } from '../../generated/api/core/v1.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';

/** A reference to a Secret or ConfigMap of the chart's namespace. */
export interface LocalReference {
  name?: string;
}

/** Values that are taken from a Secret. */
export interface ValuesSecret extends LocalReference {
  keys?: string[];
  /** The Secret may be missing, and its changes do not matter. */
  ignoreUpdates?: boolean;
}

/** What charts and their configs have in common; a config's fields win. */
export interface ChartSettings {
  values?: unknown;
  valuesContent?: string;
  valuesSecrets?: ValuesSecret[];
  failurePolicy?: 'abort' | 'reinstall' | 'retry';
  serverSide?: 'true' | 'false' | 'auto';
  forceConflicts?: boolean;
}

export interface HelmChartSpec extends ChartSettings {
  targetNamespace?: string;
  createNamespace?: boolean;
  chart?: string;
  version?: string;
  repo?: string;
  repoCA?: string;
  repoCAConfigMap?: LocalReference;
  set?: Record<string, string | number>;
  helmVersion?: string;
  bootstrap?: boolean;
  takeOwnership?: boolean;
  chartContent?: string;
  jobImage?: string;
  backOffLimit?: number;
  timeout?: string;
  authSecret?: LocalReference;
  authPassCredentials?: boolean;
  insecureSkipTLSVerify?: boolean;
  plainHTTP?: boolean;
  dockerRegistrySecret?: LocalReference;
  podSecurityContext?: PodSecurityContext;
  securityContext?: SecurityContext;
  driver?: 'secret' | 'configmap';
}

export interface HelmChartCondition {
  type: 'JobCreated' | 'Failed';
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
}

/** A chart that is to be installed in the cluster. Source: helm-controller `pkg/apis/helm.cattle.io/v1`. */
export interface HelmChart extends KubeObject {
  spec?: HelmChartSpec;
  status?: { jobName?: string; conditions?: HelmChartCondition[] };
}

/** Further settings for the chart of the same name, whoever made that. */
export interface HelmChartConfig extends KubeObject {
  spec?: ChartSettings;
}

const type = { group: 'helm.cattle.io', version: 'v1', namespaced: true } as const;

export const helmCharts: ResourceType<HelmChart> = { ...type, kind: 'HelmChart', plural: 'helmcharts' };

export const helmChartConfigs: ResourceType<HelmChartConfig> = {
  ...type,
  kind: 'HelmChartConfig',
  plural: 'helmchartconfigs',
};
