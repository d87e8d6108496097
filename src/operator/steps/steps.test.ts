import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type VirtualClusterSpec, withDefaults } from '../api/virtual-cluster.ts';
import type { Observed } from '../observed.ts';
import { datastoreStep } from './datastore.ts';
import type { KeySource, StepOutcome } from './step.ts';
import { versionStep } from './version.ts';

const keys = {} as KeySource;

function observe(spec: VirtualClusterSpec, more: Partial<Observed> = {}): Observed {
  const cluster = {
    apiVersion: 'warren.dev/v1alpha1' as const,
    kind: 'VirtualCluster' as const,
    metadata: { name: 'demo', namespace: 'default' },
    spec,
  };
  return {
    cluster,
    spec: withDefaults(spec),
    settings: {
      image: 'warren:test',
      imagePullPolicy: 'IfNotPresent',
      serverVersion: 'v1.36.2+warren1',
      agentVersion: 'v1.36.2+k3s1',
      nodePorts: { first: 30000, last: 32767 },
    },
    nowMs: 0,
    nodes: [],
    ...more,
  };
}

const reasonOf = (outcome: StepOutcome): string =>
  outcome.kind === 'wait' ? outcome.reason : `${outcome.objects.length} objects`;

describe('the version step', () => {
  const rows: Record<string, [version: string | undefined, outcome: string]> = {
    'takes none': [undefined, '0 objects'],
    'takes the minor version': ['v1.36', '0 objects'],
    'takes the version without the build': ['v1.36.2', '0 objects'],
    'takes the whole version': ['v1.36.2+warren1', '0 objects'],
    'refuses another minor version': ['v1.35', 'VersionNotServed'],
    'refuses another patch': ['v1.36.1', 'VersionNotServed'],
  };
  for (const [title, [version, outcome]] of Object.entries(rows)) {
    it(title, async () => {
      const spec = version === undefined ? {} : { version };
      assert.equal(reasonOf(await versionStep.plan(observe(spec), keys)), outcome);
    });
  }
});

describe('the datastore step', () => {
  it('asks for a volume of the size and class that are wished', async () => {
    const outcome = await datastoreStep.plan(
      observe({ datastore: { persistentVolumeClaim: { size: '3Gi', storageClassName: 'fast' } } }),
      keys,
    );
    assert.equal(outcome.kind, 'want');
    const [wanted] = outcome.kind === 'want' ? outcome.objects : [];
    assert.equal(wanted?.object.metadata.name, 'demo-data');
    assert.deepEqual(wanted?.object['spec'], {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '3Gi' } },
      storageClassName: 'fast',
    });
  });

  it('does not rename the class of a volume that is there', async () => {
    const claim = { metadata: { name: 'demo-data' }, spec: {} };
    const outcome = await datastoreStep.plan(
      observe({ datastore: { persistentVolumeClaim: { storageClassName: 'fast' } } }, { claim }),
      keys,
    );
    const [wanted] = outcome.kind === 'want' ? outcome.objects : [];
    assert.ok(wanted !== undefined && !('storageClassName' in (wanted.object['spec'] as object)));
  });

  it('refuses PostgreSQL, which is not served yet', async () => {
    const datastore = { type: 'PostgreSQL' as const, secretRef: { name: 'dsn' } };
    assert.equal(reasonOf(await datastoreStep.plan(observe({ datastore }), keys)), 'DatastoreNotServed');
  });

  it('refuses several replicas of one file', async () => {
    assert.equal(reasonOf(await datastoreStep.plan(observe({ replicas: 2 }), keys)), 'TooManyReplicas');
  });
});

describe('the add-ons of a tenant', () => {
  const rows: Record<string, [addons: VirtualClusterSpec['addons'], disabled: string[]]> = {
    'are those of k3s without Traefik': [undefined, ['traefik']],
    'may include Traefik': [{ traefik: { enabled: true } }, []],
    'may be fewer': [{ metricsServer: { enabled: false }, coredns: {} }, ['metrics-server', 'traefik']],
  };
  for (const [title, [addons, disabled]] of Object.entries(rows)) {
    it(title, () => {
      assert.deepEqual(withDefaults(addons === undefined ? {} : { addons }).disabledAddons, disabled);
    });
  }
});
