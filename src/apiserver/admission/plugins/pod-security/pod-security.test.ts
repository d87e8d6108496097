import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsRegistry } from '../../../../telemetry/metrics/metrics-registry.ts';
import { admit, attemptOf, readerOf } from '../../../../testing/admission.ts';
import { PodSecurityMetrics } from '../../../metrics/pod-security-metrics.ts';
import { parsePodSecurityConfiguration } from './configuration.ts';
import { evaluatePod } from './evaluate.ts';
import { warningsAboutPods } from './existing-pods.ts';
import { podSecurity } from './pod-security.ts';
import { levelVersionText, readPolicy } from './policy.ts';

const clock = { nowMs: () => 0 };
const label = (name: string): string => `pod-security.kubernetes.io/${name}`;
const labels = (own: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(own).map(([name, value]) => [label(name), value]));

const safe = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const container = (securityContext?: unknown, more: object = {}) => ({
  name: 'a',
  image: 'x',
  securityContext,
  ...more,
});
const spec = (securityContext?: unknown, more: object = {}) => ({ containers: [container(securityContext)], ...more });

function plugin(own: Record<string, string>, pods: readonly unknown[] = []) {
  return podSecurity({
    reader: readerOf({ namespaces: [{ metadata: { name: 'ns', labels: labels(own) } }], pods }),
    clock,
  });
}

const pod = (podSpec: unknown, more: object = {}) => ({
  metadata: { name: 'p', namespace: 'ns', ...more },
  spec: podSpec,
});

describe('readPolicy', () => {
  const cases: Record<string, [Record<string, string>, [string, string, string], string[]]> = {
    'is open without labels': [{}, ['privileged:latest', 'privileged:latest', 'privileged:latest'], []],
    'warns of what it enforces': [
      { enforce: 'baseline', 'enforce-version': 'v1.20' },
      ['baseline:v1.20', 'privileged:latest', 'baseline:v1.20'],
      [],
    ],
    'keeps a version for warnings': [
      { enforce: 'restricted', 'warn-version': 'v1.30' },
      ['restricted:latest', 'privileged:latest', 'restricted:v1.30'],
      [],
    ],
    'lets who wants it hear nothing': [
      { enforce: 'restricted', warn: 'privileged' },
      ['restricted:latest', 'privileged:latest', 'privileged:latest'],
      [],
    ],
    'enforces the strictest where it cannot read, and stays open in the other modes': [
      { enforce: 'x', audit: 'y', warn: 'z', 'audit-version': '1.2' },
      ['restricted:latest', 'privileged:latest', 'privileged:latest'],
      [
        'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "x": must be one of privileged, baseline, restricted',
        'metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "y": must be one of privileged, baseline, restricted',
        'metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: "1.2": must be "latest" or "v1.x"',
        'metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "z": must be one of privileged, baseline, restricted',
      ],
    ],
  };
  for (const [title, [own, wanted, faults]] of Object.entries(cases)) {
    it(title, () => {
      const found = readPolicy(labels(own));
      const { enforce, audit, warn } = found.policy;
      assert.deepEqual([enforce, audit, warn].map(levelVersionText), wanted);
      assert.deepEqual(found.faults.map(String), faults);
    });
  }
});

type Case = [level: 'baseline' | 'restricted', minor: number, spec: unknown, findings: string[], annotations?: object];
const LATEST = Number.POSITIVE_INFINITY;

const checks: Record<string, Case> = {
  'a plain pod under the baseline': ['baseline', LATEST, spec(), []],
  'host namespaces': [
    'baseline',
    LATEST,
    spec(undefined, { hostNetwork: true, hostIPC: true }),
    ['host namespaces: hostNetwork=true, hostIPC=true'],
  ],
  'a privileged container': [
    'baseline',
    LATEST,
    spec({ privileged: true }),
    ['privileged: container "a" must not set securityContext.privileged=true'],
  ],
  'capabilities beyond the default': [
    'baseline',
    LATEST,
    spec({ capabilities: { add: ['SYS_TIME', 'CHOWN', 'NET_RAW'] } }),
    [
      'non-default capabilities: container "a" must not include "NET_RAW", "SYS_TIME" in securityContext.capabilities.add',
    ],
  ],
  'host paths': [
    'baseline',
    LATEST,
    spec(undefined, {
      volumes: [
        { name: 'v', hostPath: { path: '/' } },
        { name: 'w', hostPath: { path: '/' } },
      ],
    }),
    ['hostPath volumes: volumes "v", "w"'],
  ],
  'host ports': [
    'baseline',
    LATEST,
    {
      containers: [
        container(undefined, {
          ports: [
            { containerPort: 1, hostPort: 9 },
            { containerPort: 2, hostPort: 80 },
          ],
        }),
      ],
    },
    ['hostPort: container "a" uses hostPorts 80, 9'],
  ],
  'hosts in probes, from 1.34': [
    'baseline',
    34,
    {
      containers: [
        container(undefined, {
          livenessProbe: { httpGet: { host: 'h', port: 1 } },
          lifecycle: { preStop: { tcpSocket: { host: 'g', port: 1 } } },
        }),
      ],
    },
    ['probe or lifecycle host: container "a" uses probe or lifecycle hosts "g", "h"'],
  ],
  'hosts in probes, before': [
    'baseline',
    33,
    { containers: [container(undefined, { livenessProbe: { httpGet: { host: 'h', port: 1 } } })] },
    [],
  ],
  'AppArmor profiles, by field and by note': [
    'baseline',
    LATEST,
    spec({ appArmorProfile: { type: 'Unconfined' } }),
    [
      'forbidden AppArmor profiles: container "a" and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/a="unconfined""',
    ],
    { 'container.apparmor.security.beta.kubernetes.io/a': 'unconfined' },
  ],
  'an unmasked proc': [
    'baseline',
    LATEST,
    spec({ procMount: 'Unmasked' }),
    ['procMount: container "a" must not set securityContext.procMount to "Unmasked"'],
  ],
  'an unmasked proc in a user namespace, from 1.35': [
    'baseline',
    35,
    spec({ procMount: 'Unmasked' }, { hostUsers: false }),
    [],
  ],
  'an unmasked proc in a user namespace under the restricted level': [
    'restricted',
    35,
    spec({ ...safe, procMount: 'Unmasked' }, { hostUsers: false }),
    ['procMount: container "a" must not set securityContext.procMount to "Unmasked"'],
  ],
  'SELinux options': [
    'baseline',
    LATEST,
    spec({ seLinuxOptions: { role: 'r' } }, { securityContext: { seLinuxOptions: { type: 't', user: 'u' } } }),
    [
      'seLinuxOptions: pod and container "a" set forbidden securityContext.seLinuxOptions: type "t"; user may not be set; role may not be set',
    ],
  ],
  'the type of engines before 1.31': [
    'baseline',
    30,
    spec({ seLinuxOptions: { type: 'container_engine_t' } }),
    ['seLinuxOptions: container "a" set forbidden securityContext.seLinuxOptions: type "container_engine_t"'],
  ],
  'the type of engines from 1.31': ['baseline', 31, spec({ seLinuxOptions: { type: 'container_engine_t' } }), []],
  'a seccomp profile': [
    'baseline',
    19,
    spec({ seccompProfile: { type: 'Unconfined' } }),
    ['seccompProfile: container "a" must not set securityContext.seccompProfile.type to "Unconfined"'],
  ],
  'a seccomp note, before 1.19': [
    'baseline',
    18,
    spec(),
    ['seccompProfile: forbidden annotation container.seccomp.security.alpha.kubernetes.io/a="unconfined"'],
    { 'container.seccomp.security.alpha.kubernetes.io/a': 'unconfined' },
  ],
  sysctls: [
    'baseline',
    29,
    spec(undefined, {
      securityContext: {
        sysctls: [{ name: 'kernel.msgmax' }, { name: 'net.ipv4.tcp_rmem' }, { name: 'net.ipv4.tcp_fin_timeout' }],
      },
    }),
    ['forbidden sysctls: kernel.msgmax, net.ipv4.tcp_rmem'],
  ],
  'host processes of Windows': [
    'baseline',
    LATEST,
    spec(undefined, { securityContext: { windowsOptions: { hostProcess: true } } }),
    ['hostProcess: pod must not set securityContext.windowsOptions.hostProcess=true'],
  ],
  'a plain pod under the restricted level': [
    'restricted',
    LATEST,
    spec(),
    [
      'allowPrivilegeEscalation != false: container "a" must set securityContext.allowPrivilegeEscalation=false',
      'unrestricted capabilities: container "a" must set securityContext.capabilities.drop=["ALL"]',
      'runAsNonRoot != true: pod or container "a" must set securityContext.runAsNonRoot=true',
      'seccompProfile: pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"',
    ],
  ],
  'a safe pod': ['restricted', LATEST, spec(safe), []],
  'a pod of Windows, from 1.25': ['restricted', 25, spec({ runAsNonRoot: true }, { os: { name: 'windows' } }), []],
  'a pod of long ago': [
    'restricted',
    0,
    spec({ runAsNonRoot: true, allowPrivilegeEscalation: true, runAsUser: 0 }),
    [],
  ],
  root: [
    'restricted',
    LATEST,
    spec({ ...safe, runAsUser: 0 }),
    ['runAsUser=0: container "a" must not set runAsUser=0'],
  ],
  'root in a user namespace': [
    'restricted',
    LATEST,
    spec({ ...safe, runAsNonRoot: false, runAsUser: 0 }, { hostUsers: false }),
    [],
  ],
  'root that is asked for': [
    'restricted',
    34,
    spec({ ...safe, runAsNonRoot: false }, { hostUsers: false, securityContext: { runAsNonRoot: false } }),
    ['runAsNonRoot != true: pod and container "a" must not set securityContext.runAsNonRoot=false'],
  ],
  'capabilities that are added and kept': [
    'restricted',
    LATEST,
    spec({ ...safe, capabilities: { add: ['CHOWN', 'NET_BIND_SERVICE'] } }),
    [
      'unrestricted capabilities: container "a" must set securityContext.capabilities.drop=["ALL"]; container "a" must not include "CHOWN" in securityContext.capabilities.add',
    ],
  ],
  volumes: [
    'restricted',
    LATEST,
    spec(safe, {
      volumes: [
        { name: 'v', hostPath: { path: '/' } },
        { name: 'w', nfs: {} },
        { name: 'x', emptyDir: {} },
      ],
    }),
    ['restricted volume types: volumes "v", "w" use restricted volume types "hostPath", "nfs"'],
  ],
};

describe('evaluatePod', () => {
  for (const [title, [level, minor, checked, findings, annotations = {}]] of Object.entries(checks)) {
    it(`${findings.length === 0 ? 'lets through' : 'finds'} ${title}`, () => {
      const found = evaluatePod({ level, minor }, { annotations, spec: checked } as Parameters<typeof evaluatePod>[1]);
      assert.deepEqual(
        found.map(({ reason, detail }) => `${reason}: ${detail}`),
        findings,
      );
    });
  }
});

describe('podSecurity', () => {
  const bad = spec({ privileged: true });
  const why = 'privileged (container "a" must not set securityContext.privileged=true)';

  it('refuses pods beyond the level of their namespace', async () => {
    const attempt = attemptOf({ object: pod(bad) });
    const refusal = `pods "p" is forbidden: violates PodSecurity "baseline:latest": ${why}`;
    assert.equal(await admit(plugin({ enforce: 'baseline' }), attempt), refusal);
    assert.deepEqual(attempt.warnings, []);
    assert.equal(attempt.notes.get(label('enforce-policy')), 'baseline:latest');
  });

  it('warns and notes where it does not enforce', async () => {
    const attempt = attemptOf({ object: pod(bad) });
    assert.equal(await admit(plugin({ warn: 'baseline', audit: 'baseline' }), attempt), undefined);
    assert.deepEqual(attempt.warnings, [`would violate PodSecurity "baseline:latest": ${why}`]);
    assert.equal(attempt.notes.get(label('audit-violations')), `would violate PodSecurity "baseline:latest": ${why}`);
  });

  it('only warns of templates', async () => {
    const facts = {
      group: 'apps',
      resource: 'deployments',
      object: { metadata: { name: 'd' }, spec: { template: { spec: bad } } },
    };
    const attempt = attemptOf(facts);
    assert.equal(await admit(plugin({ enforce: 'baseline' }), attempt), undefined);
    assert.deepEqual(attempt.warnings, [`would violate PodSecurity "baseline:latest": ${why}`]);
    const jobs = {
      group: 'batch',
      resource: 'cronjobs',
      object: { metadata: {}, spec: { jobTemplate: { spec: { template: { spec: bad } } } } },
    };
    const second = attemptOf(jobs);
    await admit(plugin({ enforce: 'baseline' }), second);
    assert.equal(second.warnings.length, 1);
  });

  const updates: Record<string, [subresource: string, next: unknown, isRefused: boolean]> = {
    'leaves updates that change no image': ['', bad, false],
    'judges a new image': ['', { containers: [{ ...container({ privileged: true }), image: 'y' }] }, true],
    'judges new ephemeral containers': ['ephemeralcontainers', { ...bad, ephemeralContainers: [container()] }, true],
    'leaves the status': ['status', { containers: [{ ...container({ privileged: true }), image: 'y' }] }, false],
  };
  for (const [title, [subresource, next, isRefused]] of Object.entries(updates)) {
    it(title, async () => {
      const attempt = attemptOf({ subresource, object: pod(next), previous: pod(bad) });
      assert.equal((await admit(plugin({ enforce: 'baseline' }), attempt)) !== undefined, isRefused);
    });
  }

  describe('on namespaces', () => {
    const namespace = (own: Record<string, string>) => ({ metadata: { name: 'ns', labels: labels(own) } });
    const change = (next: Record<string, string>, before?: Record<string, string>) =>
      attemptOf({
        resource: 'namespaces',
        kind: { group: '', version: 'v1', kind: 'Namespace' },
        object: namespace(next),
        previous: before === undefined ? undefined : namespace(before),
      });
    const fault =
      'Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "x": must be one of privileged, baseline, restricted';

    it('refuses labels that cannot be read, unless they were there before', async () => {
      assert.equal(await admit(plugin({}), change({ warn: 'x' })), fault);
      assert.equal(await admit(plugin({}), change({ warn: 'x' }, {})), fault);
      assert.equal(await admit(plugin({}), change({ warn: 'x', enforce: 'baseline' }, { warn: 'x' })), undefined);
    });

    it('tells of pods that are there when a level becomes stricter', async () => {
      const pods = [pod(bad), pod(spec(safe), { name: 'q' })];
      const attempt = change({ enforce: 'baseline' }, {});
      assert.equal(await admit(plugin({}, pods), attempt), undefined);
      assert.deepEqual(attempt.warnings, [
        'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
        'p: privileged',
      ]);
      for (const [next, before] of [
        ['baseline', 'restricted'],
        ['baseline', 'baseline'],
        ['privileged', 'baseline'],
      ] as const) {
        const relaxed = change({ enforce: next }, { enforce: before });
        await admit(plugin({}, pods), relaxed);
        assert.deepEqual(relaxed.warnings, []);
      }
    });
  });
});

describe('podSecurity with a configuration', () => {
  const settings = parsePodSecurityConfiguration({
    apiVersion: 'pod-security.admission.config.k8s.io/v1',
    kind: 'PodSecurityConfiguration',
    defaults: { enforce: 'restricted', 'enforce-version': 'v1.36' },
    exemptions: { usernames: ['root'], namespaces: ['kube-system'], runtimeClasses: ['kata'] },
  });
  const names = { ns: {}, open: { enforce: 'privileged' }, 'kube-system': {} };
  const configured = podSecurity({
    reader: readerOf({
      namespaces: Object.entries(names).map(([name, own]) => ({ metadata: { name, labels: labels(own) } })),
    }),
    clock,
    settings,
  });
  const privileged = spec({ privileged: true });

  it('holds namespaces without labels to its defaults, and lets labels say otherwise', async () => {
    const refusal = await admit(configured, attemptOf({ object: pod(privileged) }));
    assert.match(refusal ?? '', /^pods "p" is forbidden: violates PodSecurity "restricted:v1.36": /);
    assert.equal(await admit(configured, attemptOf({ namespace: 'open', object: pod(privileged) })), undefined);
  });

  const exempt: Record<string, [string, Parameters<typeof attemptOf>[0]]> = {
    'namespaces that it names': ['namespace', { namespace: 'kube-system', object: pod(privileged) }],
    'users that it names': ['user', { user: { name: 'root', groups: [] }, object: pod(privileged) }],
    'runtime classes that it names': ['runtimeClass', { object: pod({ ...privileged, runtimeClassName: 'kata' }) }],
  };
  for (const [title, [reason, facts]] of Object.entries(exempt)) {
    it(`judges nothing of ${title}, and notes why`, async () => {
      const attempt = attemptOf(facts);
      assert.equal(await admit(configured, attempt), undefined);
      assert.equal(attempt.notes.get(label('exempt')), reason);
    });
  }

  it('tells who labels an exempt namespace that the labels do nothing', async () => {
    const object = { metadata: { name: 'kube-system', labels: labels({ audit: 'baseline' }) } };
    const kind = { group: '', version: 'v1', kind: 'Namespace' };
    const attempt = attemptOf({ resource: 'namespaces', kind, object });
    assert.equal(await admit(configured, attempt), undefined);
    assert.deepEqual(attempt.warnings, [
      'namespace "kube-system" is exempt from Pod Security, and the policy (audit=baseline:latest) will be ignored',
    ]);
  });
});

describe('podSecurity, counted', () => {
  it('tells judgements by level and mode, and what it judges nothing of', async () => {
    const registry = new MetricsRegistry();
    const metrics = new PodSecurityMetrics(registry);
    const own = { enforce: 'baseline', 'enforce-version': 'v1.30', audit: 'restricted' };
    const settings = parsePodSecurityConfiguration({
      apiVersion: 'pod-security.admission.config.k8s.io/v1',
      kind: 'PodSecurityConfiguration',
      exemptions: { usernames: ['root'] },
    });
    const counted = podSecurity({
      reader: readerOf({ namespaces: [{ metadata: { name: 'ns', labels: labels(own) } }] }),
      clock,
      settings,
      metrics,
    });
    await admit(counted, attemptOf({ object: pod(spec({ privileged: true })) }));
    await admit(counted, attemptOf({ object: pod(spec(safe)) }));
    await admit(counted, attemptOf({ user: { name: 'root', groups: [] }, object: pod(spec()) }));
    const text = await registry.text();
    const rest = 'request_operation="create",resource="pod",subresource=""';
    for (const line of [
      `pod_security_evaluations_total{decision="deny",mode="enforce",policy_level="baseline",policy_version="v1.30",${rest}} 1`,
      `pod_security_evaluations_total{decision="allow",mode="enforce",policy_level="baseline",policy_version="v1.30",${rest}} 1`,
      `pod_security_evaluations_total{decision="deny",mode="audit",policy_level="restricted",policy_version="latest",${rest}} 1`,
      `pod_security_exemptions_total{${rest}} 1`,
    ])
      assert.ok(text.includes(`${line}\n`), `${line}\n${text}`);
  });
});

describe('warningsAboutPods', () => {
  const level = { level: 'baseline', minor: LATEST } as const;
  const owned = (name: string, uid: string) =>
    pod(spec({ privileged: true }), {
      name,
      ownerReferences: [{ uid, controller: true, apiVersion: 'v1', kind: 'X', name: 'x' }],
    });

  it('counts pods with the same findings', () => {
    const pods = ['c', 'b', 'd'].map((name) => owned(name, 'u')) as Parameters<typeof warningsAboutPods>[1];
    assert.deepEqual(warningsAboutPods('ns', pods, level, clock).slice(1), ['b (and 2 other pods): privileged']);
    assert.deepEqual(warningsAboutPods('ns', pods.slice(1), level, clock).slice(1), [
      'b (and 1 other pod): privileged',
    ]);
  });

  it('stops after a second and says so, one pod of each owner looked at first', () => {
    let nowMs = 0;
    const slow = { nowMs: () => (nowMs += 400) };
    const pods = [owned('a', 'u'), owned('b', 'u'), owned('c', 'v'), owned('d', 'w')] as Parameters<
      typeof warningsAboutPods
    >[1];
    const [first, , third] = warningsAboutPods('ns', pods, level, slow);
    assert.equal(first, 'new PodSecurity enforce level only checked against the first 3 of 4 existing pods');
    assert.equal(third, 'a (and 2 other pods): privileged');
  });
});
