import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import type { Client } from '../client/client.ts';
import type { ConfigMap, KeyToPath, Pod, Secret, Volume, VolumeProjection } from '../generated/api/core/v1.ts';
import { configmaps, persistentvolumeclaims, persistentvolumes, secrets } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';

/** A volume that cannot be had yet; the pod waits in ContainerCreating and is tried again. */
export class VolumeNotReadyError extends Error {
  override readonly name = 'VolumeNotReadyError';
}

export interface VolumeFolders {
  /** Folder of each volume, by name. */
  readonly folders: ReadonlyMap<string, string>;
}

/**
 * Makes a folder for each volume of a pod: files of Secrets and ConfigMaps are written, claims lead to the folder of
 * their PersistentVolume.
 *
 * @throws VolumeNotReadyError where an object is missing or a claim is not bound.
 */
export async function prepareVolumes(
  client: Client,
  pod: Pod,
  podFolder: string,
  signal: AbortSignal,
): Promise<VolumeFolders> {
  const folders = new Map<string, string>();
  for (const volume of pod.spec.volumes ?? []) {
    const name = volume.name ?? '';
    const own = join(podFolder, 'volumes', name);
    folders.set(name, (await claimFolder(client, pod, volume, signal)) ?? own);
    if (volume.persistentVolumeClaim !== undefined) continue;
    mkdirSync(own, { recursive: true, mode: 0o700 });
    writeFiles(own, await filesOf(client, pod, volume, signal));
  }
  return { folders };
}

/** Whether files of the pod come from a Secret or a ConfigMap of this name. */
export function holdsFilesOf(pod: Pod, kind: 'secret' | 'configMap', name: string): boolean {
  return (pod.spec.volumes ?? []).some(({ secret, configMap, projected }) => {
    if ((kind === 'secret' ? secret?.secretName : configMap?.name) === name) return true;
    return projected?.sources?.some((source) => source[kind]?.name === name) ?? false;
  });
}

/**
 * Writes the files of Secrets and ConfigMaps as these are now, each at once; of an object that is gone they stay.
 *
 * Source: kubelet `pkg/volume/util/atomic_writer.go`, for what a program sees.
 */
export async function refreshVolumes(client: Client, pod: Pod, podFolder: string, signal: AbortSignal): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.secret === undefined && volume.configMap === undefined && volume.projected === undefined) continue;
    try {
      writeFiles(join(podFolder, 'volumes', volume.name ?? ''), await filesOf(client, pod, volume, signal));
    } catch (error) {
      if (!(error instanceof VolumeNotReadyError)) throw error;
    }
  }
}

/** Removes what belongs to the pod alone. Folders of claims stay. */
export function removeVolumes(podFolder: string): void {
  rmSync(podFolder, { recursive: true, force: true });
}

async function claimFolder(client: Client, pod: Pod, volume: Volume, signal: AbortSignal): Promise<string | undefined> {
  const claimName = volume.persistentVolumeClaim?.claimName;
  if (claimName === undefined) return undefined;
  const claim = await read(
    client.get(persistentvolumeclaims, { namespace: pod.metadata.namespace, name: claimName }, { signal }),
  );
  if (claim === undefined) throw new VolumeNotReadyError(`persistentvolumeclaim "${claimName}" not found`);
  const volumeName = claim.spec.volumeName;
  if (claim.status?.phase !== 'Bound' || !volumeName) {
    throw new VolumeNotReadyError(`persistentvolumeclaim "${claimName}" is not bound yet`);
  }
  const bound = await client.get(persistentvolumes, { name: volumeName }, { signal });
  const path = bound.spec.hostPath?.path;
  if (path === undefined)
    throw new VolumeNotReadyError(`persistentvolume "${volumeName}" is not a folder of this machine`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

type Files = ReadonlyMap<string, { readonly bytes: Buffer; readonly mode: number }>;

async function filesOf(client: Client, pod: Pod, volume: Volume, signal: AbortSignal): Promise<Files> {
  const { namespace } = pod.metadata;
  const { secret, configMap, projected } = volume;
  if (projected !== undefined) {
    const { sources = [], defaultMode } = projected;
    const all = await Promise.all(
      sources.map((source) => filesOfSource(client, namespace, source, defaultMode, signal)),
    );
    return new Map(all.flatMap((files) => [...files]));
  }
  const source = { secret: secret && { ...secret, name: secret.secretName }, configMap };
  return await filesOfSource(client, namespace, source, (secret ?? configMap)?.defaultMode, signal);
}

/** The files of a Secret or a ConfigMap; none where a source is neither. */
async function filesOfSource(
  client: Client,
  namespace: string | undefined,
  source: Pick<VolumeProjection, 'secret' | 'configMap'>,
  mode = 0o644,
  signal: AbortSignal,
): Promise<Files> {
  if (source.secret !== undefined) {
    const { name = '', items, optional } = source.secret;
    const secret = await read(client.get(secrets, { namespace, name }, { signal }));
    return secretFiles(secret, name, items, optional ?? false, mode);
  }
  if (source.configMap === undefined) return new Map();
  const { name = '', items, optional } = source.configMap;
  const map = await read(client.get(configmaps, { namespace, name }, { signal }));
  return configMapFiles(map, name, items, optional ?? false, mode);
}

function secretFiles(
  secret: Secret | undefined,
  name: string,
  items: KeyToPath[] | undefined,
  optional: boolean,
  mode: number,
): Files {
  if (secret === undefined) return missing(`secret "${name}" not found`, optional);
  const bytes = Object.entries(secret.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const);
  return project(new Map(bytes), items, `secret "${name}"`, optional, mode);
}

function configMapFiles(
  map: ConfigMap | undefined,
  name: string,
  items: KeyToPath[] | undefined,
  optional: boolean,
  mode: number,
): Files {
  if (map === undefined) return missing(`configmap "${name}" not found`, optional);
  const texts = Object.entries(map.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const);
  const binary = Object.entries(map.binaryData ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const);
  return project(new Map([...texts, ...binary]), items, `configmap "${name}"`, optional, mode);
}

function project(
  data: ReadonlyMap<string, Buffer>,
  items: KeyToPath[] | undefined,
  source: string,
  optional: boolean,
  mode: number,
): Files {
  const files = new Map<string, { bytes: Buffer; mode: number }>();
  for (const item of items ?? [...data.keys()].map((key): KeyToPath => ({ key, path: key }))) {
    const bytes = data.get(item.key);
    if (bytes !== undefined) files.set(item.path, { bytes, mode: item.mode ?? mode });
    else if (!optional) throw new VolumeNotReadyError(`${source} has no key "${item.key}"`);
  }
  return files;
}

function missing(message: string, optional: boolean): Files {
  if (optional) return new Map();
  throw new VolumeNotReadyError(message);
}

function writeFiles(folder: string, files: Files): void {
  const root = resolve(folder);
  for (const [path, { bytes, mode }] of files) {
    const file = resolve(root, path);
    // Keys cannot hold slashes and paths are validated, but a folder must never be left by a name from outside.
    if (!file.startsWith(root + sep)) continue;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // Group and others are cut off: the folder belongs to a user of this machine, not to a pod.
    if (isSame(file, bytes)) continue;
    const next = `${file}.next`;
    writeFileSync(next, bytes, { mode: mode & 0o700 });
    renameSync(next, file);
  }
}

function isSame(file: string, bytes: Buffer): boolean {
  try {
    return readFileSync(file).equals(bytes);
  } catch {
    return false;
  }
}

async function read<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
