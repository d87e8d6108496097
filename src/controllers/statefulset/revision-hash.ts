import { escapeAsGo } from '../../machinery/codecs/json/go-text.ts';
import { toSafeText } from '../safe-hash.ts';

const OFFSET = 2166136261;
const PRIME = 16777619;

/**
 * The hash that names a revision of a stateful set, the same as upstream's for the same data: FNV-1 of 32 bits over its
 * JSON and the count of collisions. Source: `pkg/controller/history/controller_history.go` (HashControllerRevision).
 */
export function revisionHash(data: Record<string, unknown>, collisionCount = 0): string {
  let hash = OFFSET;
  for (const byte of Buffer.from(`${escapeAsGo(JSON.stringify(data))}${collisionCount}`)) {
    hash = Math.imul(hash, PRIME) ^ byte;
  }
  return toSafeText(String(hash >>> 0));
}
