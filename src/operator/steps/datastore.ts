import { persistentvolumeclaims } from '../../generated/resource-types.ts';
import { labelsOf, namesOf } from '../observed.ts';
import { type Step, want } from './step.ts';

/** The volume of a SQLite tenant. PostgreSQL needs nothing here: its DSN is the user's Secret. */
export const datastoreStep: Step = {
  name: 'datastore',
  condition: 'DatastoreReady',
  plan({ cluster, spec, claim }) {
    if (spec.datastore.type !== 'SQLite') return want();
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
