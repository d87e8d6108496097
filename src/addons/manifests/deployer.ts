import { createHash } from 'node:crypto';
import { readFile, unlink } from 'node:fs/promises';
import type { Client } from '../../client/client.ts';
import { createEventRecorder, type EventRecorder, referenceTo } from '../../client/events.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { AddonDeps } from '../deps.ts';
import { ADDON_NAMESPACE, type Addon, addons } from './addon.ts';
import { addonNameOf, type FilePlan, isDisabled, planFiles, readManifestFiles } from './manifest-files.ts';
import { kindsOf, ObjectSets } from './object-sets.ts';
import { parseManifest } from './parse-manifest.ts';
import { parseGvkText, toGvkText, toSetMarks } from './set-marks.ts';

export interface DeployerOptions {
  /** Where the manifests are. */
  readonly folder: string;
  /** Names as `--disable` takes them. */
  readonly disabled: readonly string[];
  /** Told after each manifest that was applied. */
  onApplied?(addonName: string): void;
}

/** Kinds of what was applied last, so that what leaves a file is found again. Source: k3s `pkg/deploy/controller.go`. */
const KINDS_ANNOTATION = 'addon.k3s.cattle.io/gvks';

/** Applies the manifests of a folder, each as an Addon, as k3s does. Source: k3s `pkg/deploy/controller.go`. */
export class ManifestDeployer {
  readonly #options: DeployerOptions;
  readonly #client: Client;
  readonly #deps: AddonDeps;
  readonly #sets: ObjectSets;
  readonly #events: EventRecorder;
  readonly #signal: AbortSignal;
  /** Times of the files as they were last dealt with. */
  readonly #seen = new Map<string, number>();
  #sweptDisabled = false;

  constructor(deps: AddonDeps, options: DeployerOptions, signal: AbortSignal) {
    const { client, clock, logger } = deps;
    this.#deps = deps;
    this.#options = options;
    this.#client = client;
    this.#signal = signal;
    this.#sets = new ObjectSets(client, clock);
    this.#events = createEventRecorder({ client, component: 'deploy', clock, logger, signal });
  }

  /**
   * Deals with every file that is new or has changed, except those that `isHeld` holds back for now. The first look at
   * a file applies it even where its Addon says that it is applied: somebody may have changed the objects since.
   * Faults are logged, shown as events, and tried again the next time.
   */
  async sync(isHeld: (path: string) => boolean = () => false): Promise<void> {
    const { folder, disabled } = this.#options;
    const files = await readManifestFiles(folder);
    for (const plan of planFiles(folder, files, disabled)) {
      this.#signal.throwIfAborted();
      if (plan.step === 'deploy' && isHeld(plan.path)) continue;
      const seenMs = this.#seen.get(plan.path);
      // Some file systems give every file the time zero: only the checksum tells there.
      if (seenMs === plan.modifiedMs && seenMs !== 0) continue;
      try {
        if (plan.step === 'deploy') await this.#deploy(plan, { isFirst: seenMs === undefined });
        else await this.#remove(plan.path, plan);
        this.#seen.set(plan.path, plan.modifiedMs);
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#deps.logger.warn('a manifest was not processed, trying again', { path: plan.path, error });
      }
    }
    if (!this.#sweptDisabled) await this.#sweepDisabled();
  }

  /** Removes what disabled names left in the cluster while their files are gone, such as with a data folder that is new. */
  async #sweepDisabled(): Promise<void> {
    const { folder, disabled } = this.#options;
    const { items } = await this.#client.list(addons, { namespace: ADDON_NAMESPACE, signal: this.#signal });
    for (const addon of items) {
      const source = addon.spec?.source ?? '';
      if (isDisabled(folder, source, disabled)) await this.#remove(source, { removesFile: false });
    }
    this.#sweptDisabled = true;
  }

  async #deploy({ path }: FilePlan, { isFirst }: { readonly isFirst: boolean }): Promise<void> {
    const name = addonNameOf(path);
    const key = { namespace: ADDON_NAMESPACE, name };
    const addon =
      (await this.#find(name)) ??
      (await this.#client.create(addons, { metadata: key, spec: { source: path } }, { signal: this.#signal }));
    const content = await this.#read(addon, path);
    const checksum = createHash('sha256').update(content).digest('hex');
    if (!isFirst && checksum === addon.spec?.checksum) return;
    const objects = this.#parse(addon, path, content);
    this.#tell(addon, 'Normal', 'ApplyingManifest', `Applying manifest at "${path}"`);
    try {
      await this.#sets.apply(toSetMarks(addons, key), objects, formerKindsOf(addon), this.#signal);
    } catch (error) {
      this.#signal.throwIfAborted();
      const message = `Applying manifest at "${path}" failed: ${(error as Error).message}`;
      this.#tell(addon, 'Warning', 'ApplyManifestFailed', message);
      throw error;
    }
    this.#tell(addon, 'Normal', 'AppliedManifest', `Applied manifest at "${path}"`);
    const annotations = { [KINDS_ANNOTATION]: kindsOf(objects).map(toGvkText).join(';') };
    const patch = { metadata: { annotations }, spec: { source: path, checksum } };
    await this.#client.patch(addons, key, patch, { type: 'merge', signal: this.#signal });
    this.#options.onApplied?.(name);
  }

  async #remove(path: string, { removesFile }: { readonly removesFile: boolean }): Promise<void> {
    const name = addonNameOf(path);
    const key = { namespace: ADDON_NAMESPACE, name };
    const addon: Addon = (await this.#find(name)) ?? { metadata: key };
    const kinds = formerKindsOf(addon);
    if (removesFile) {
      // A file that cannot be read goes all the same: what it once applied is known by the annotation.
      try {
        kinds.push(...kindsOf(this.#parse(addon, path, await this.#read(addon, path))));
      } catch (error) {
        this.#deps.logger.debug('a disabled manifest cannot be read', { path, error });
      }
    }
    await this.#sets.apply(toSetMarks(addons, key), [], kinds, this.#signal);
    if (removesFile) await unlink(path);
    if (addon.metadata.uid === undefined) return;
    this.#tell(addon, 'Normal', 'DeletingManifest', `Deleting manifest at "${path}"`);
    await this.#client.delete(addons, key, { signal: this.#signal });
  }

  async #find(name: string): Promise<Addon | undefined> {
    try {
      return await this.#client.get(addons, { namespace: ADDON_NAMESPACE, name }, { signal: this.#signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #read(addon: Addon, path: string): Promise<string> {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      this.#tell(
        addon,
        'Warning',
        'ReadManifestFailed',
        `Read manifest at "${path}" failed: ${(error as Error).message}`,
      );
      throw error;
    }
  }

  #parse(addon: Addon, path: string, content: string): AnyObject[] {
    try {
      return parseManifest(content);
    } catch (error) {
      const message = `Parse manifest at "${path}" failed: ${(error as Error).message}`;
      this.#tell(addon, 'Warning', 'ParseManifestFailed', message);
      throw error;
    }
  }

  #tell(addon: Addon, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event(referenceTo(addons, addon), type, reason, message);
  }
}

function formerKindsOf({ metadata }: Addon) {
  return (metadata.annotations?.[KINDS_ANNOTATION] ?? '').split(';').flatMap((text) => parseGvkText(text) ?? []);
}
