import type { HelmChart, HelmChartSpec } from './helm-chart.ts';

/** What the Job's program is called with. Source: helm-controller `pkg/controllers/chart/chart.go` (args). */
export function toHelmArgs({ metadata, spec = {} }: HelmChart): string[] {
  if (metadata.deletionTimestamp !== undefined) return ['delete'];
  return [
    'install',
    ...(spec.targetNamespace ? ['--namespace', spec.targetNamespace] : []),
    ...(spec.createNamespace ? ['--create-namespace'] : []),
    ...(spec.takeOwnership ? ['--take-ownership'] : []),
    ...(spec.version ? ['--version', spec.version] : []),
    ...Object.entries(spec.set ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([path, value]) =>
        isTyped(value)
          ? ['--set', `${path}=${value}`]
          : ['--set-string', `${path}=${String(value).replace(/\\*,/g, escapeComma)}`],
      ),
  ];
}

/** Where the chart comes from, for people. Source: helm-controller `pkg/controllers/chart/chart.go` (chartSource). */
export function toSourceText({ metadata, spec = {} }: HelmChart): string {
  const { chart = '', chartContent, version, repo = '' }: HelmChartSpec = spec;
  if (chartContent) {
    const url = metadata.annotations?.['helm.cattle.io/chart-url'];
    return url ? `inline spec.chartContent from ${url}` : 'inline spec.chartContent';
  }
  if (chart.startsWith('oci://'))
    return version
      ? `version ${version} from OCI registry ${chart}`
      : `latest stable version from OCI registry ${chart}`;
  if (chart.includes('://')) return chart;
  return version
    ? `${chart} version ${version} from chart repository ${repo}`
    : `latest stable version of ${chart} from chart repository ${repo}`;
}

/** Numbers, truth values and null keep their type; whatever else looks so is meant as text. */
function isTyped(value: string | number): boolean {
  return typeof value === 'number' || /^(true|false|null)$/i.test(value);
}

/** A comma is escaped by an odd number of backslashes before it. */
function escapeComma(match: string): string {
  return match.length % 2 === 1 ? `\\${match}` : match;
}
