import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';

/** A file below the folder of manifests. */
export interface ManifestFile {
  /** As users see it: links to folders are not resolved. */
  readonly path: string;
  readonly modifiedMs: number;
  /** False where it is reached through a link to a folder: such files are never removed. */
  readonly removable: boolean;
}

export interface FilePlan {
  readonly path: string;
  /** `remove` takes what the file holds out of the cluster, and then the file itself. */
  readonly step: 'deploy' | 'remove';
  readonly modifiedMs: number;
  readonly removesFile: boolean;
}

/** All files below the folder, in no order; none where there is no such folder. Only links in the tree itself are followed. */
export async function readManifestFiles(folder: string): Promise<ManifestFile[]> {
  const found: ManifestFile[] = [];
  const walk = async (from: string, shown: string, removable: boolean): Promise<void> => {
    for (const entry of await entriesOf(from)) {
      const path = join(from, entry.name);
      const shownPath = join(shown, entry.name);
      const status = await statusOf(path);
      if (status === undefined) continue;
      if (!status.isDirectory()) found.push({ path: shownPath, modifiedMs: status.mtimeMs, removable });
      else if (!entry.isSymbolicLink()) await walk(path, shownPath, removable);
      else if (removable) await walk(await realpath(path), shownPath, false);
    }
  };
  await walk(folder, folder, true);
  return found;
}

/**
 * Decides what becomes of each file, in the order of their paths: files of disabled names go, `NAME.skip` holds `NAME`
 * back, and all that is no manifest is left alone.
 *
 * Source: k3s `pkg/deploy/controller.go` (listFilesIn).
 */
export function planFiles(folder: string, files: readonly ManifestFile[], disabled: readonly string[]): FilePlan[] {
  const skipped = new Set(
    files.map(({ path }) => basename(path)).flatMap((name) => (name.endsWith('.skip') ? [name.slice(0, -5)] : [])),
  );
  const plans: FilePlan[] = [];
  for (const { path, modifiedMs, removable } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    if (isDisabled(folder, path, disabled)) {
      plans.push({ path, step: 'remove', modifiedMs, removesFile: removable });
    } else if (isManifest(path) && !basename(path).startsWith('.') && !skipped.has(basename(path))) {
      plans.push({ path, step: 'deploy', modifiedMs, removesFile: false });
    }
  }
  return plans;
}

/** Whether a name that the user disabled means the file: by its own name, or by a folder that it is in. */
export function isDisabled(folder: string, path: string, disabled: readonly string[]): boolean {
  const parts = relative(folder, path).split(sep);
  for (let depth = 1; depth < parts.length; depth++) {
    if (disabled.includes(parts.slice(0, depth).join(sep))) return true;
  }
  return isManifest(path) && disabled.includes(basename(path).replace(/\.[^.]*$/, ''));
}

/** The name of a file's Addon: all before the first period. */
export function addonNameOf(path: string): string {
  return basename(path).split('.')[0] ?? '';
}

function isManifest(path: string): boolean {
  return /\.(yaml|yml|json)$/i.test(path);
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Undefined for what went meanwhile, and for links that lead nowhere. */
async function statusOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'ENOENT';
}
