import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type VirtualClusterSpec, withDefaults } from '../api/virtual-cluster.ts';
import { type Observed, toSecretData } from '../observed.ts';
import { certificatesStep } from './certificates.ts';
import { databasePorts, datastoreStep } from './datastore.ts';
import { networkPolicyStep } from './network-policy.ts';
import { serverStep } from './server.ts';
import type { KeySource, StepOutcome } from './step.ts';
import { judgeVersion } from './version.ts';

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
    pods: [],
    backups: [],
    resolved: new Map(),
    ...more,
  };
}

const reasonOf = (outcome: StepOutcome): string =>
  outcome.kind === 'wait' ? outcome.reason : `${outcome.objects.length} objects`;

describe('judgeVersion', () => {
  const rows: Record<string, [wished: string | undefined, running: string | undefined, outcome: string | undefined]> = {
    'takes no wish': [undefined, undefined, undefined],
    'takes the minor version': ['v1.36', undefined, undefined],
    'takes the version without the build': ['v1.36.2', undefined, undefined],
    'takes the whole version': ['v1.36.2+warren1', undefined, undefined],
    'refuses another minor version': ['v1.35', undefined, 'VersionNotServed'],
    'refuses another patch': ['v1.36.1', undefined, 'VersionNotServed'],
    'takes a tenant of the minor version before': [undefined, 'v1.35.9+warren1', undefined],
    'takes a patch back': [undefined, 'v1.36.7+warren1', undefined],
    'refuses to go back a minor version': [undefined, 'v1.37.0+warren1', 'DowngradeRefused'],
    'refuses to leave a minor version out': [undefined, 'v1.34.0+warren1', 'MinorVersionSkipped'],
  };
  for (const [title, [wished, running, outcome]] of Object.entries(rows)) {
    it(title, () => assert.equal(judgeVersion(wished, 'v1.36.2+warren1', running)?.reason, outcome));
  }
});

describe('databasePorts', () => {
  const rows: Record<string, [endpoint: string, ports: readonly number[] | undefined]> = {
    'has the usual one': ['postgres://u:p@db/tenant', [5432]],
    'reads the one that is given': ['postgresql://u:p@db:6432/tenant?sslmode=require', [6432]],
    'reads those of several hosts': ['postgres://a:1,b:2,[::1]:3/x', [1, 2, 3]],
    'reads the parameter': ['postgres://u@db/x?port=7000', [7000]],
    'does not take another database': ['mysql://u@db/x', undefined],
  };
  for (const [title, [endpoint, ports]] of Object.entries(rows)) {
    it(title, () => assert.deepEqual(databasePorts(endpoint), ports));
  }
});

describe('the certificates step', () => {
  const making = { newPki: async () => ({ 'server-ca.crt': 'new' }) } as unknown as KeySource;
  const withToken = {
    tokenSecret: { metadata: { name: 'demo-token' }, data: toSecretData({ token: 'K10ab::server:x' }) },
  };

  it('makes an identity once', async () => {
    assert.equal(reasonOf(await certificatesStep.plan(observe({}), making)), '1 objects');
  });

  it('makes no other one while machines are told to trust what was lost', async () => {
    assert.equal(reasonOf(await certificatesStep.plan(observe({}, withToken), making)), 'CertificatesLost');
  });
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

  const secretOf = (texts: Record<string, string>) => ({
    metadata: { name: 'dsn' },
    data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  });
  const dsn = 'postgres://u:p@db/tenant';
  const rows: Record<string, [secret: Observed['datastoreSecret'], outcome: string]> = {
    'waits for the Secret': [undefined, 'SecretMissing'],
    'waits for its key': [secretOf({ dsn }), 'SecretKeyMissing'],
    'refuses what is no DSN': [secretOf({ endpoint: 'db.example' }), 'EndpointMalformed'],
    'refuses a certificate without its key': [secretOf({ endpoint: dsn, 'tls.crt': 'x' }), 'SecretKeyMissing'],
    'takes a DSN': [secretOf({ endpoint: dsn }), '0 objects'],
    'takes a DSN with files of TLS': [
      secretOf({ endpoint: dsn, 'ca.crt': 'x', 'tls.crt': 'x', 'tls.key': 'x' }),
      '0 objects',
    ],
  };
  for (const [title, [datastoreSecret, outcome]] of Object.entries(rows)) {
    it(`${title} of a database`, async () => {
      const datastore = { type: 'PostgreSQL' as const, secretRef: { name: 'dsn' } };
      assert.equal(reasonOf(await datastoreStep.plan(observe({ datastore }, { datastoreSecret }), keys)), outcome);
    });
  }

  it('does not use a volume that is being deleted', async () => {
    const claim = { metadata: { name: 'demo-data', deletionTimestamp: '2026-01-01T00:00:00Z' }, spec: {} };
    assert.equal(reasonOf(await datastoreStep.plan(observe({}, { claim }), keys)), 'VolumeBeingDeleted');
  });

  it('refuses several replicas of one file', async () => {
    assert.equal(reasonOf(await datastoreStep.plan(observe({ replicas: 2 }), keys)), 'TooManyReplicas');
  });
});

describe('the network policy', () => {
  const service = { metadata: { name: 'demo' }, spec: { ports: [{ port: 30_443, nodePort: 30_443 }] } };
  const rulesOf = async (spec: VirtualClusterSpec): Promise<string> =>
    JSON.stringify(await networkPolicyStep.plan(observe(spec, { service }), keys));

  it('lets replicas of one tenant reach each other on the port for them, and nobody else', async () => {
    const rules = await rulesOf({ datastore: { type: 'PostgreSQL', secretRef: { name: 'dsn' } }, replicas: 2 });
    const ports = '"ports":[{"protocol":"TCP","port":6444}]';
    for (const direction of ['from', 'to'])
      assert.ok(rules.includes(`{"${direction}":[{"podSelector":{"matchLabels":{`), `${direction}: ${rules}`);
    assert.equal(rules.split(ports).length, 3);
  });

  it('has no such port for a tenant of one file', async () => {
    assert.doesNotMatch(await rulesOf({}), /6444/);
  });
});

describe('the server step', () => {
  it('brings the files that further flags name', async () => {
    const extraFiles = [{ configMap: { name: 'admission' } }, { secret: { name: 'encryption' } }];
    const service = { metadata: { name: 'demo' }, spec: { ports: [{ port: 30_443, nodePort: 30_443 }] } };
    const more = { service, tokenSecret: { metadata: { name: 'demo-token' } } };
    const outcome = await serverStep.plan(observe({ controlPlane: { extraFiles } }, more), keys);
    const wanted = JSON.stringify(outcome);
    const mount = { name: 'extra-files', mountPath: '/etc/warren/files', readOnly: true };
    assert.ok(wanted.includes(JSON.stringify(mount)), wanted);
    const volume = { name: 'extra-files', projected: { sources: extraFiles, defaultMode: 0o440 } };
    assert.ok(wanted.includes(JSON.stringify(volume)), wanted);
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
