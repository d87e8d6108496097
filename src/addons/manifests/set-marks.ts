import { createHash } from 'node:crypto';
import { type KubeObject, type ObjectKey, type ResourceType, toApiVersion } from '../../machinery/object/object.ts';

/** How objects are told to belong to one set: by the label they are found, by the annotations their owner is. */
export interface SetMarks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Selects the objects of the set. */
  readonly selector: string;
}

const PREFIX = 'objectset.rio.cattle.io';

/** Keeps an object that left its set, if `false`. */
export const PRUNE_ANNOTATION = `${PREFIX}/prune`;

/**
 * The marks of an owner's set, as k3s writes them: a cluster that moves between the two keeps its sets.
 *
 * Source: wrangler `pkg/apply/desiredset_apply.go` (GetLabelsAndAnnotations).
 */
export function toSetMarks(type: ResourceType, owner: ObjectKey, id = ''): SetMarks {
  const gvk = toGvkText(type);
  const { namespace = '', name } = owner;
  const hash = createHash('sha1').update(id).update(gvk).update(name).update(namespace).digest('hex');
  return {
    labels: { [`${PREFIX}/hash`]: hash },
    annotations: {
      [`${PREFIX}/id`]: id,
      [`${PREFIX}/owner-gvk`]: gvk,
      [`${PREFIX}/owner-name`]: name,
      [`${PREFIX}/owner-namespace`]: namespace,
    },
    selector: `${PREFIX}/hash=${hash}`,
  };
}

/** The object with the marks of its set beside its own labels and annotations. */
export function withMarks<T extends KubeObject>(object: T, { labels, annotations }: SetMarks): T {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...labels },
      annotations: { ...metadata.annotations, ...annotations },
    },
  };
}

/** `apps/v1, Kind=Deployment`; the core group is empty: `/v1, Kind=Secret`. */
export function toGvkText(type: Pick<ResourceType, 'group' | 'version' | 'kind'>): string {
  return `${type.group === '' ? '/' : ''}${toApiVersion(type)}, Kind=${type.kind}`;
}

/** The reverse of {@link toGvkText}; undefined for any other text. */
export function parseGvkText(text: string): Pick<ResourceType, 'group' | 'version' | 'kind'> | undefined {
  const found = /^([^/]*)\/([^/,]+), Kind=(\w+)$/.exec(text);
  if (found === null) return undefined;
  const [, group = '', version = '', kind = ''] = found;
  return { group, version, kind };
}
