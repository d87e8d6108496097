import type { DatabaseSync } from 'node:sqlite';

/** Pages that one step gives back: a few milliseconds. */
const STEP_PAGES = 128;
/** Free pages that the file keeps, as a share of all: what churns is about to need them again. */
const KEPT_SHARE = 0.1;
/** And never fewer than these, 4 MB. */
const KEPT_PAGES = 1_000;
/** `auto_vacuum=INCREMENTAL` as the file knows it. Source: https://sqlite.org/pragma.html#pragma_auto_vacuum */
const INCREMENTAL = 2;

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** How much longer the file is than what it holds needs, in pages, where it is worth giving back. */
function surplus(db: DatabaseSync): number {
  const keep = Math.max(KEPT_PAGES, Math.ceil(pragma(db, 'page_count') * KEPT_SHARE));
  return pragma(db, 'freelist_count') - keep;
}

/**
 * Lets the file shrink step by step: a new one from its beginning, one that a kine made once it is worth writing it anew,
 * which happens at a stand, before anybody is served. To be called before the table is made.
 */
export function allowShrinking(db: DatabaseSync): void {
  if (pragma(db, 'auto_vacuum') === INCREMENTAL) return;
  if (pragma(db, 'page_count') > 1 && surplus(db) <= 0) return;
  db.exec(`PRAGMA auto_vacuum=${INCREMENTAL}; VACUUM`);
}

/** Gives some free pages at the end of the file back. @returns whether more are left to give. */
export function shrinkStep(db: DatabaseSync): boolean {
  const pages = Math.min(surplus(db), STEP_PAGES);
  if (pages <= 0 || pragma(db, 'auto_vacuum') !== INCREMENTAL) return false;
  db.exec(`PRAGMA incremental_vacuum(${pages})`);
  return pages === STEP_PAGES;
}

/** Bytes of the file, with what is free in it. */
export function sizeBytes(db: DatabaseSync): number {
  return pragma(db, 'page_count') * pragma(db, 'page_size');
}
