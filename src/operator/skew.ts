import { minorNumber } from './steps/version.ts';

/** Source: https://kubernetes.io/releases/version-skew-policy/ (kubelet). */
const OLDEST_MINORS = 3;
/** More nodes than a condition should name. */
const MAX_NAMED = 5;

export interface SkewedNode {
  readonly node: string;
  readonly message: string;
}

/** The nodes whose kubelet is newer than the server, or more than three minor versions older, by name. */
export function skewedNodes(kubelets: Readonly<Record<string, string>>, serverVersion: string): SkewedNode[] {
  const server = minorNumber(serverVersion);
  if (server === undefined) return [];
  return Object.entries(kubelets)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([node, version]) => {
      const minor = minorNumber(version);
      if (minor === undefined || (minor <= server && minor >= server - OLDEST_MINORS)) return [];
      const how =
        minor > server
          ? `is newer than the server (${serverVersion}): upgrade Warren, or install an older k3s there`
          : `is more than ${OLDEST_MINORS} minor versions older than the server (${serverVersion}): upgrade k3s there`;
      return [{ node, message: `node ${node} runs ${version}, which ${how}` }];
    });
}

/** The same in one sentence. */
export function toSkewMessage(skewed: readonly SkewedNode[]): string {
  const named = skewed.slice(0, MAX_NAMED).map(({ message }) => message);
  const more = skewed.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** Who was told of which node, so that each is told of once for each of its versions. */
export class ToldSkew {
  readonly #told = new Map<string, ReadonlySet<string>>();

  /** Those that were not told of before. */
  news(key: string, skewed: readonly SkewedNode[]): readonly SkewedNode[] {
    const told = this.#told.get(key);
    if (skewed.length === 0) this.#told.delete(key);
    else this.#told.set(key, new Set(skewed.map(({ message }) => message)));
    return skewed.filter(({ message }) => told?.has(message) !== true);
  }

  forget(key: string): void {
    this.#told.delete(key);
  }
}
