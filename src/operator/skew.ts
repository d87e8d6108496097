import { minorNumber } from './steps/version.ts';

/** Source: https://kubernetes.io/releases/version-skew-policy/ (kubelet). */
const OLDEST_MINORS = 3;
/** More nodes than a condition should name. */
const MAX_NAMED = 5;

export interface SkewedNode {
  readonly node: string;
  readonly message: string;
}

/** The first nodes whose kubelet is newer than the server, or more than three minor versions older. */
export function skewedNodes(kubelets: Readonly<Record<string, string>>, serverVersion: string): SkewedNode[] {
  const server = minorNumber(serverVersion);
  if (server === undefined) return [];
  return Object.entries(kubelets)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([node, version]) => {
      const minor = minorNumber(version);
      if (minor === undefined || (minor <= server && minor >= server - OLDEST_MINORS)) return [];
      const how = minor > server ? 'is newer than the server' : 'is more than three minor versions older';
      return [{ node, message: `node ${node} runs ${version}, which ${how}` }];
    })
    .slice(0, MAX_NAMED);
}
