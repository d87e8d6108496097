import type { Volume, VolumeProjection } from '../../../generated/api/core/v1.ts';

interface PlacedPath {
  readonly path: string;
  /** What puts it there; empty where the volume has one source only. */
  readonly source: string;
}

const textOf = ({ path, source }: PlacedPath): string =>
  source === '' ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`;

/** Warns of files of one volume that hide each other. Source: pkg/api/pod/warnings.go (warningsForOverlappingVirtualPaths). */
export function overlapWarnings(volumes: readonly Volume[]): string[] {
  const warnings: string[] = [];
  for (const { name, configMap, secret, downwardAPI, projected } of volumes) {
    const warn = (kind: string, paths: readonly PlacedPath[]): void => {
      for (const text of overlapsOf(paths))
        warnings.push(`volume ${JSON.stringify(name)} (${kind}): overlapping paths: ${text}`);
    };
    const place = (items: readonly { path?: string | undefined }[] | undefined): PlacedPath[] =>
      (items ?? []).map(({ path = '' }) => ({ path, source: '' }));
    if (configMap) warn(`ConfigMap ${JSON.stringify(configMap.name ?? '')}`, place(configMap.items));
    if (secret) warn(`Secret ${JSON.stringify(secret.secretName ?? '')}`, place(secret.items));
    if (downwardAPI) warn('DownwardAPI', place(downwardAPI.items));
    if (!projected) continue;
    for (const source of projected.sources ?? [])
      if (Object.values(source).every((part) => !part))
        warnings.push(`volume ${JSON.stringify(name)} (Projected) has no sources provided`);
    warn('Projected', (projected.sources ?? []).flatMap(placedBy));
  }
  return warnings;
}

function placedBy(projection: VolumeProjection): PlacedPath[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = projection;
  const place = (items: readonly { path?: string | undefined }[], source: string): PlacedPath[] =>
    items.map(({ path = '' }) => ({ path, source }));
  if (configMap?.items) return place(configMap.items, `ConfigMap ${JSON.stringify(configMap.name ?? '')}`);
  if (secret?.items) return place(secret.items, `Secret ${JSON.stringify(secret.name ?? '')}`);
  if (downwardAPI?.items) return place(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken) return place([serviceAccountToken], 'ServiceAccountToken');
  if (clusterTrustBundle) {
    const { name, signerName } = clusterTrustBundle;
    return place([clusterTrustBundle], `ClusterTrustBundle ${JSON.stringify(name ?? signerName ?? '')}`);
  }
  if (!podCertificate) return [];
  const { certificateChainPath, keyPath, credentialBundlePath } = podCertificate;
  return [
    { path: certificateChainPath ?? '', source: 'PodCertificate chain' },
    { path: keyPath ?? '', source: 'PodCertificate key' },
    { path: credentialBundlePath ?? '', source: 'PodCertificate credential bundle' },
  ].filter(({ path }) => path !== '');
}

function overlapsOf(paths: readonly PlacedPath[]): string[] {
  const texts: string[] = [];
  const placed: PlacedPath[] = [];
  for (const { path, source } of paths) {
    const own = { path: path.replace(/\/+$/, ''), source };
    for (const other of placed) {
      if (own.path === '' || other.path === '') continue;
      const [a, b] = [`${own.path}/`, `${other.path}/`];
      if (a.startsWith(b) || b.startsWith(a)) texts.push(`${textOf(own)} with ${textOf(other)}`);
    }
    placed.push(own);
  }
  return texts;
}
