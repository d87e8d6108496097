/** The name under which kine keeps how far it has compacted, in the row's prev_revision. */
export const COMPACT_KEY = 'compact_rev_key';
/** Rows that only fill holes in the sequence of ids begin with it. */
export const GAP_PREFIX = 'gap-';
/** What an API server asks for to learn whether the datastore answers. */
export const HEALTH_KEY = '/registry/health';
export const HEALTH_VALUE = '{"health":"true"}';

/** Whether a row is kine's own: no event is made of it. */
export function isInternal(name: string): boolean {
  return name === COMPACT_KEY || name.startsWith(GAP_PREFIX);
}
