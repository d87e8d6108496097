import type { BundledSettings } from './bundled/settings.ts';
import type { AddonDeps } from './deps.ts';
import type { JobSettings } from './helm/job-plan.ts';

export interface AddonsOptions {
  /**
   * Names as k3s's `--disable` spells them; `cloud-controller` for `--disable-cloud-controller`, `helm-controller` for
   * `--disable-helm-controller`.
   */
  readonly disabled: readonly string[];
  /** Folder of manifests that are kept applied. */
  readonly manifestsFolder: string;
  readonly settings: BundledSettings;
  readonly helm: JobSettings;
}

type Run = (deps: AddonDeps, signal: AbortSignal) => Promise<void>;

/** Runs everything that the server deploys or looks after in its cluster, until aborted. */
export async function runAddons(deps: AddonDeps, options: AddonsOptions, signal: AbortSignal): Promise<void> {
  const { disabled, manifestsFolder: folder, settings, helm } = options;
  const all: Readonly<Record<string, () => Promise<Run>>> = {
    manifests: async () => {
      const { runManifests } = await import('./manifests/run-manifests.ts');
      return (given, until) => runManifests(given, { folder, disabled, settings }, until);
    },
    'helm-controller': async () => {
      const { runHelm } = await import('./helm/run-helm.ts');
      return (given, until) => runHelm(given, helm, until);
    },
    'cloud-controller': async () => (await import('./cloud/node-controller.ts')).runCloudNodes,
    servicelb: async () => {
      const { runServiceLoadBalancer } = await import('./cloud/service-lb-controller.ts');
      return (given, until) => runServiceLoadBalancer(given, settings.registry, until);
    },
  };
  await Promise.all(
    Object.entries(all)
      .filter(([name]) => name === 'manifests' || !disabled.includes(name))
      .map(async ([name, load]) => {
        try {
          await (await load())(deps, signal);
        } catch (error) {
          if (!signal.aborted) deps.logger.error('an add-on ended', { addon: name, error });
        }
      }),
  );
}
