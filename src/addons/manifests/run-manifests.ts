import { mkdir } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import type { Node } from '../../generated/api/core/v1.ts';
import { nodes } from '../../generated/resource-types.ts';
import { whenAborted } from '../../std/abort.ts';
import type { BundledSettings } from '../bundled/settings.ts';
import { isMachine } from '../cloud/machine.ts';
import { ensureDefinition } from '../custom-definition.ts';
import type { AddonDeps } from '../deps.ts';
import { addonDefinition } from './addon.ts';
import { ManifestDeployer } from './deployer.ts';

export interface ManifestsOptions {
  /** Folder of the manifests: the user's, and the bundled ones once they are needed. */
  readonly folder: string;
  readonly disabled: readonly string[];
  readonly settings: BundledSettings;
}

/** How often the folder is looked at. Source: k3s `pkg/deploy/controller.go`. */
const PERIOD_MS = 15_000;
const RETRY_MS = 5_000;

/** Names of the bundled manifests, and of folders that hold several: the names that `--disable` takes. */
const bundledNames = ['coredns', 'local-storage', 'metrics-server', 'runtimes', 'traefik'];

/**
 * Keeps the manifests of the folder applied until aborted. The bundled ones come with the first machine that joins, since
 * nothing of them could run before: a cluster without machines pays for none of them.
 */
export async function runManifests(deps: AddonDeps, options: ManifestsOptions, signal: AbortSignal): Promise<void> {
  const { client, informers, clock, logger } = deps;
  const { folder, disabled, settings } = options;
  await keepTrying(async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await ensureDefinition(client, addonDefinition, { clock, signal });
  });
  const nodeInformer = informers.for(nodes);
  await nodeInformer.synced;
  // Without the Helm controller there is no such kind.
  const unstaged = disabled.includes('helm-controller') ? [...disabled, 'traefik'] : disabled;
  const serves = (name: string): boolean => !disabled.includes(name);
  const nodeHosts = serves('coredns') ? await loadNodeHosts() : undefined;
  const deployer = new ManifestDeployer(
    deps,
    { folder, disabled, onApplied: (name) => void (name === 'coredns' ? nodeHosts?.write() : undefined) },
    signal,
  );
  let staged = false;
  let busy = false;
  let again = false;
  const act = async (): Promise<void> => {
    again = true;
    if (busy) return;
    busy = true;
    try {
      while (again && !signal.aborted) {
        again = false;
        if (!staged && nodeInformer.list().some(isMachine)) {
          const { stageBundled } = await import('../bundled/stage.ts');
          await stageBundled(folder, unstaged, settings);
          staged = true;
        }
        await deployer.sync((path) => !staged && isBundled(folder, path));
      }
    } catch (error) {
      if (!signal.aborted) logger.warn('manifests are not up to date, trying again', { folder, error });
    } finally {
      busy = false;
    }
  };
  const timer = clock.every(PERIOD_MS, () => void act());
  const stop = nodeInformer.addHandler({
    added: (node) => {
      if (!staged) void act();
      nodeHosts?.nodeChanged(node, undefined);
    },
    updated: (next, previous) => {
      if (!staged && isMachine(next)) void act();
      nodeHosts?.nodeChanged(next, previous);
    },
    deleted: (node) => nodeHosts?.nodeChanged(undefined, node),
  });
  void act();
  await whenAborted(signal);
  timer.cancel();
  stop();

  async function keepTrying(run: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        return await run();
      } catch (error) {
        signal.throwIfAborted();
        logger.warn('manifests cannot be deployed yet, trying again', { error });
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async function loadNodeHosts(): Promise<{
    write(): void;
    nodeChanged(next: Node | undefined, previous: Node | undefined): void;
  }> {
    const { NodeHosts } = await import('../node-hosts.ts');
    return new NodeHosts({ ...deps, nodes: nodeInformer }, signal);
  }
}

function isBundled(folder: string, path: string): boolean {
  const [top = ''] = relative(folder, path).split(sep);
  return bundledNames.some((name) => top === name || top === `${name}.yaml`);
}
