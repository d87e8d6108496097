import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { isDisabled } from '../manifests/manifest-files.ts';
import { coreDnsManifests } from './coredns.ts';
import { localStorageManifests } from './local-storage.ts';
import { metricsServerManifests } from './metrics-server.ts';
import { runtimeManifests } from './runtimes.ts';
import type { BundledManifest, BundledSettings } from './settings.ts';
import { traefikManifests } from './traefik.ts';

/** Everything that comes with the server. */
export function bundledManifests(settings: BundledSettings): readonly BundledManifest[] {
  return [
    ...coreDnsManifests(settings),
    ...localStorageManifests(settings),
    ...metricsServerManifests(settings),
    ...runtimeManifests(),
    ...traefikManifests(settings),
  ];
}

/**
 * Writes the bundled manifests into the folder, except those of disabled names; changes by hand are lost, as in k3s.
 * Files that are as they should be are not touched.
 */
export async function stageBundled(
  folder: string,
  disabled: readonly string[],
  settings: BundledSettings,
): Promise<void> {
  for (const manifest of bundledManifests(settings)) {
    const path = join(folder, manifest.path);
    if (isDisabled(folder, path, disabled)) continue;
    const text = toManifestText(manifest);
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, text, { mode: 0o600 });
  }
}

export function toManifestText({ objects }: BundledManifest): string {
  return objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
}
