import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { S3Bucket, StoredObject } from './s3-bucket.ts';

/** Where backups are kept, by keys such as `default/demo/nightly/20300101T000000Z.backup`. */
export interface BackupStore {
  /** Keeps bytes under a key, once they have ended without an error. */
  put(key: string, bytes: AsyncIterable<Uint8Array>): Promise<{ readonly bytes: number; readonly sha256: string }>;
  /** A file of this machine with the object, which lies in `folder` where it had to be fetched. */
  fetch(key: string, folder: string): Promise<string>;
  list(prefix: string): Promise<StoredObject[]>;
  remove(key: string): Promise<void>;
}

/** Backups as files of a mounted volume. */
export function folderStore(root: string): BackupStore {
  const pathOf = (key: string): string => {
    const path = normalize(join(root, key));
    if (!path.startsWith(`${normalize(root)}/`)) throw new Error(`${key} leads out of ${root}`);
    return path;
  };
  return {
    async put(key, bytes) {
      const path = pathOf(key);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const unfinished = `${path}.unfinished`;
      try {
        const written = await writeFileOf(unfinished, bytes);
        await rename(unfinished, path);
        return written;
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },
    fetch: async (key) => pathOf(key),
    async list(prefix) {
      const folder = pathOf(prefix.replace(/\/$/, ''));
      const names = await readdir(folder).catch(() => []);
      const found = names.filter((name) => name.endsWith('.backup')).sort();
      return await Promise.all(
        found.map(async (name) => ({ key: `${prefix}${name}`, bytes: (await stat(join(folder, name))).size })),
      );
    },
    remove: async (key) => await rm(pathOf(key), { force: true }),
  };
}

/** Backups as objects of a bucket, below a prefix. */
export function bucketStore(bucket: S3Bucket, prefix: string): BackupStore {
  const root = prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`;
  return {
    put: (key, bytes) => bucket.put(root + key, bytes),
    async fetch(key, folder) {
      const path = join(folder, 'fetched.backup');
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFileOf(path, await bucket.get(root + key));
      return path;
    },
    async list(below) {
      const found = await bucket.list(root + below);
      return found
        .filter(({ key }) => key.endsWith('.backup'))
        .map(({ key, bytes }) => ({ key: key.slice(root.length), bytes }));
    },
    remove: (key) => bucket.remove(root + key),
  };
}

/** Writes a file that only its owner reads, and waits until it is on the disk. */
async function writeFileOf(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let total = 0;
  await using file = await open(path, 'w', 0o600);
  for await (const chunk of bytes) {
    hash.update(chunk);
    total += chunk.length;
    await file.writeFile(chunk);
  }
  await file.sync();
  return { bytes: total, sha256: hash.digest('hex') };
}
