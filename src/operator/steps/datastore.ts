import { persistentvolumeclaims } from '../../generated/resource-types.ts';
import { labelsOf, namesOf, type Observed, secretText } from '../observed.ts';
import { type Step, type StepOutcome, wait, want } from './step.ts';

/** The volume of a SQLite tenant, or the Secret that leads to the database; both before a pod of it would fail. */
export const datastoreStep: Step = {
  name: 'datastore',
  condition: 'DatastoreReady',
  plan: (observed) => (observed.spec.datastore.type === 'SQLite' ? planVolume(observed) : checkSecret(observed)),
};

function planVolume({ cluster, spec, claim }: Observed): StepOutcome {
  if (spec.replicas > 1)
    return wait(
      'TooManyReplicas',
      `spec.replicas is ${spec.replicas}, and one SQLite file has one writer: set it to 1, or use PostgreSQL`,
    );
  // It would go as soon as no pod uses it: what a server wrote there would be lost, and of an earlier tenant of this
  // name the data would be found.
  if (claim?.metadata.deletionTimestamp !== undefined)
    return wait(
      'VolumeBeingDeleted',
      `PersistentVolumeClaim ${namesOf(cluster).claim} is being deleted: a new one is made once it is gone`,
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
}

/** The messages name Secret and key only: what stands in them is nobody's business. */
function checkSecret({ spec, datastoreSecret }: Observed): StepOutcome {
  const { secretRef } = spec.datastore;
  if (secretRef === undefined)
    return wait('SecretNotNamed', 'spec.datastore.secretRef is missing: name the Secret that holds the DSN');
  const { name, key } = secretRef;
  if (datastoreSecret === undefined)
    return wait(
      'SecretMissing',
      `Secret ${name} is not in this namespace: create it, with the DSN under the key ${key}`,
    );
  const endpoint = secretText(datastoreSecret, key)?.trim();
  if (!endpoint) return wait('SecretKeyMissing', `Secret ${name} has no key ${key}: put the DSN there`);
  if (databasePorts(endpoint) === undefined)
    return wait(
      'EndpointMalformed',
      `the key ${key} of Secret ${name} holds no DSN: write postgres://user:password@host:5432/database`,
    );
  const [cert, key2] = ['tls.crt', 'tls.key'].map((file) => !!datastoreSecret.data?.[file]);
  if (cert !== key2)
    return wait(
      'SecretKeyMissing',
      `Secret ${name} has ${cert ? 'tls.crt without tls.key' : 'tls.key without tls.crt'}`,
    );
  return want();
}

/** Ports of the hosts in a DSN, for the way out; undefined where it is no DSN. */
export function databasePorts(endpoint: string): readonly number[] | undefined {
  const found = /^postgres(?:ql)?:\/\/(?:[^@/?]*@)?([^/?]*)(?:\/[^?]*)?(?:\?(.*))?$/i.exec(endpoint.trim());
  if (found === null) return undefined;
  const [, authority = '', query = ''] = found;
  const fallback = Number(new URLSearchParams(query).get('port') || 5432);
  const ports = authority.split(',').map((host) => Number(/:(\d+)$/.exec(host)?.[1] ?? fallback));
  return [...new Set(ports)].sort((a, b) => a - b);
}
