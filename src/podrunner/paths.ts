/** A folder of this machine that stands for a mount point of the container. */
export interface Mount {
  readonly mountPath: string;
  readonly folder: string;
}

/**
 * Puts the real folders in place of mount points in a flag or a variable: a process sees this machine's files, so
 * `--data-dir=/var/lib/warren` has to name the folder that stands for it. The longest mount point wins.
 */
export function rewritePaths(text: string, mounts: readonly Mount[]): string {
  const ordered = [...mounts].sort((a, b) => b.mountPath.length - a.mountPath.length);
  for (const { mountPath, folder } of ordered) {
    const at = indexOfPath(text, mountPath);
    if (at >= 0) return text.slice(0, at) + folder + text.slice(at + mountPath.length);
  }
  return text;
}

/** Where the mount point stands as a whole path or its beginning; -1 elsewhere, as in `/var/lib/warren2`. */
function indexOfPath(text: string, mountPath: string): number {
  const at = text.indexOf(mountPath);
  if (at < 0) return -1;
  const before = at === 0 ? '=' : text[at - 1];
  const after = text[at + mountPath.length];
  const starts = before === '=' || before === ',' || before === ':';
  const ends = after === undefined || after === '/' || after === ',' || after === ':';
  return starts && ends ? at : -1;
}
