import { persistentvolumeclaims } from '../../generated/resource-types.ts';
import { labelsOf, namesOf } from '../observed.ts';
import { type Step, wait, want } from './step.ts';

/** The volume of a SQLite tenant; refuses what the server cannot keep its data in, before a pod of it would fail. */
export const datastoreStep: Step = {
  name: 'datastore',
  condition: 'DatastoreReady',
  plan({ cluster, spec, claim }) {
    if (spec.datastore.type !== 'SQLite')
      return wait(
        'DatastoreNotServed',
        `spec.datastore.type is ${spec.datastore.type}, which this version does not serve yet: set SQLite, or leave it empty`,
      );
    if (spec.replicas > 1)
      return wait(
        'TooManyReplicas',
        `spec.replicas is ${spec.replicas}, and one SQLite file has one writer: set it to 1`,
      );
    const { storageClassName, size } = spec.datastore;
    return want({
      type: persistentvolumeclaims,
      object: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: namesOf(cluster).claim, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: String(size) } },
          // A claim keeps the class that it was made with; naming another would be refused.
          ...(storageClassName !== undefined && claim === undefined ? { storageClassName } : {}),
        },
      },
    });
  },
};
