import { escapeAsGo, sortKeys } from '../../codecs/json/go-text.ts';
import type { AnyObject } from '../../object/object.ts';
import type { ObjectShape } from '../../schema/type-schema.ts';
import type { FieldSet } from './field-set.ts';
import { compare, toFieldSet } from './typed.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

/**
 * What kubectl applied from the client's side before and nobody changed since: it is kubectl's own when it goes on with
 * server-side apply. Undefined where there is none.
 *
 * Source: apimachinery `managedfields/internal/lastappliedmanager.go`.
 */
export function fieldsLastApplied(live: AnyObject, apiVersion: string, shape: ObjectShape): FieldSet | undefined {
  const text = live.metadata?.annotations?.[LAST_APPLIED];
  if (!text) return undefined;
  try {
    const lastApplied = JSON.parse(text) as AnyObject;
    if (lastApplied.apiVersion !== apiVersion) return undefined;
    const { added, removed, modified } = compare(lastApplied, live, shape);
    return toFieldSet(lastApplied, shape).difference(modified).difference(added).difference(removed);
  } catch {
    return undefined;
  }
}

/** Keeps the annotation of client-side apply in step, so that one can go back. Source: `lastappliedupdater.go`. */
export function syncLastApplied(object: AnyObject, applied: AnyObject): void {
  if (!object.metadata?.annotations?.[LAST_APPLIED]) return;
  const { annotations, ...metadata } = applied.metadata ?? {};
  const { [LAST_APPLIED]: _, ...kept } = annotations ?? {};
  const bare = { ...applied, metadata: annotations === undefined ? metadata : { ...metadata, annotations: kept } };
  const next: Record<string, string> = {
    ...object.metadata.annotations,
    [LAST_APPLIED]: `${escapeAsGo(JSON.stringify(sortKeys(bare)))}\n`,
  };
  let size = 0;
  for (const [key, value] of Object.entries(next)) size += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (size > MAX_ANNOTATIONS_BYTES) delete next[LAST_APPLIED];
  object.metadata = { ...object.metadata, annotations: next };
}
