import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/api/core/v1.ts';
import { classOf } from '../../resources/core/persistent-volume/matching.ts';
import { type FilterPlugin, fits, unresolvable } from '../framework/plugin.ts';
import { lookUpClaims, type VolumeView } from '../volumes/volume-view.ts';

/** Labels that tie a volume to a place, with the name of today for those of old. */
const TOPOLOGY: readonly (readonly [label: string, today: string])[] = [
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['topology.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['topology.kubernetes.io/region', 'topology.kubernetes.io/region'],
];

/** Keeps a pod to the zones of its volumes. Source: plugins/volumezone/volume_zone.go. */
export const volumeZone: FilterPlugin = {
  name: 'VolumeZone',
  wakesOn: ['node-added', 'node-updated', 'volume-changed'],
  looksAt: 'node',
  prepare({ pod }, { volumes: view }) {
    if (!pod.spec.volumes?.length) return undefined;
    const found = lookUpClaims(pod, view);
    if ('fault' in found) return undefined;
    const places: Place[] = [];
    for (const claim of found.claims) {
      const volume = volumeOf(claim, view);
      if (typeof volume === 'string') return unresolvable(volume);
      places.push(...placesOf(volume));
    }
    if (places.length === 0) return undefined;
    return {
      filter({ labels }) {
        // A cluster whose nodes have no places has but one.
        if (!TOPOLOGY.some(([label]) => labels[label] !== undefined)) return fits;
        const isThere = places.every(({ label, today, values }) => values.has(labels[label] ?? labels[today] ?? ''));
        return isThere ? fits : unresolvable('node(s) had no available volume zone');
      },
    };
  },
};

interface Place {
  readonly label: string;
  readonly today: string;
  readonly values: ReadonlySet<string>;
}

/** The claim's volume, or what is wrong with it; undefined for claims that wait for their pod. */
function volumeOf(claim: PersistentVolumeClaim, view: VolumeView): PersistentVolume | string | undefined {
  const { volumeName } = claim.spec ?? {};
  if (volumeName) return view.volume(volumeName) ?? `persistentvolume ${JSON.stringify(volumeName)} not found`;
  const className = classOf(claim);
  if (className === '') return 'PersistentVolumeClaim had no pv name and storageClass name';
  const storageClass = view.storageClass(className);
  if (storageClass === undefined) return `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`;
  return storageClass.volumeBindingMode === 'WaitForFirstConsumer' ? undefined : 'PersistentVolume had no name';
}

/** A value may list several zones. Source: cloud-provider `volume/helpers/zones.go` (LabelZonesToSet). */
function placesOf(volume: PersistentVolume | undefined): Place[] {
  return TOPOLOGY.flatMap(([label, today]) => {
    const text = volume?.metadata.labels?.[label];
    return text === undefined ? [] : [{ label, today, values: new Set(text.split('__')) }];
  });
}
