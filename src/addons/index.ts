import type { AddonDeps } from './deps.ts';

export interface AddonsOptions {
  /** Names as k3s's `--disable` spells them; `cloud-controller` for `--disable-cloud-controller`. */
  readonly disabled: readonly string[];
  /** Address of the DNS Service. */
  readonly clusterDns: string;
  readonly clusterDomain: string;
}

type Run = (deps: AddonDeps, signal: AbortSignal) => Promise<void>;

/** Runs everything that the server deploys or looks after in its cluster, until aborted. */
export async function runAddons(deps: AddonDeps, options: AddonsOptions, signal: AbortSignal): Promise<void> {
  const { disabled, clusterDns, clusterDomain } = options;
  const all: Readonly<Record<string, () => Promise<Run>>> = {
    coredns: async () => {
      const { runCoreDns } = await import('./coredns.ts');
      return (given, until) => runCoreDns({ ...given, clusterDns, clusterDomain }, until);
    },
    'cloud-controller': async () => (await import('./cloud/node-controller.ts')).runCloudNodes,
    servicelb: async () => (await import('./cloud/service-lb-controller.ts')).runServiceLoadBalancer,
  };
  await Promise.all(
    Object.entries(all)
      .filter(([name]) => !disabled.includes(name))
      .map(async ([name, load]) => {
        try {
          await (await load())(deps, signal);
        } catch (error) {
          if (!signal.aborted) deps.logger.error('an add-on ended', { addon: name, error });
        }
      }),
  );
}
