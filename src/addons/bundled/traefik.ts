import { stringify } from 'yaml';
import { images } from './images.ts';
import { type BundledManifest, type BundledSettings, systemTolerations } from './settings.ts';

/** The chart that k3s carries inside; here the Job fetches it where it is published. */
const REPO = 'https://traefik.github.io/charts';
const CHART_VERSION = '40.1.0';

const values = {
  deployment: { podAnnotations: { 'prometheus.io/port': '8082', 'prometheus.io/scrape': 'true' } },
  providers: { kubernetesIngress: { publishedService: { enabled: true } } },
  priorityClassName: 'system-cluster-critical',
  image: images.traefik,
  tolerations: systemTolerations,
  service: { spec: { ipFamilyPolicy: 'PreferDualStack' } },
};

/** The ingress controller, as a chart that the Helm controller installs. Source: k3s `manifests/traefik.yaml`. */
export function traefikManifests({ registry }: BundledSettings): readonly BundledManifest[] {
  const chart = {
    apiVersion: 'helm.cattle.io/v1',
    kind: 'HelmChart',
    metadata: { name: 'traefik', namespace: 'kube-system' },
    spec: {
      repo: REPO,
      chart: 'traefik',
      version: CHART_VERSION,
      valuesContent: stringify(registry ? { ...values, image: { registry, ...values.image } } : values),
    },
  };
  return [{ path: 'traefik.yaml', objects: [chart] }];
}
