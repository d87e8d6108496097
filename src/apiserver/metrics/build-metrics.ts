import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { VersionInfo } from '../health/version.ts';

/** Which version this is, as dashboards and the alert about mixed versions read it. */
export function addBuildMetrics(registry: MetricsRegistry, version: VersionInfo): void {
  const build = registry.gauge({
    name: 'kubernetes_build_info',
    help: 'Version of Kubernetes that is served; the value is 1.',
    stability: 'BETA',
    labels: [
      'major',
      'minor',
      'git_version',
      'git_commit',
      'git_tree_state',
      'build_date',
      'go_version',
      'compiler',
      'platform',
    ],
  });
  const { major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform } = version;
  build.set(
    build.series(major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform),
    1,
  );
  const info = registry.gauge({
    name: 'version_info',
    help: 'Versions that the server is, behaves as, and is compatible with; the value is 1.',
    stability: 'ALPHA',
    labels: ['component', 'binary', 'emulation', 'min_compat'],
  });
  const [binary = ''] = gitVersion.replace(/^v/, '').split(/[+-]/);
  info.set(info.series('kube', binary, `${major}.${minor}`, `${major}.${Number(minor) - 1}`), 1);
}
