import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admit, attemptOf, authorizerOf, readerOf } from '../../../testing/admission.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificate-requests.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

type Facts = Parameters<typeof attemptOf>[0];
const specOf = (attempt: { object?: unknown }): Record<string, unknown> =>
  (attempt.object as { spec: Record<string, unknown> }).spec;
const readSubject = (pem: string) => ({ commonName: pem, organizations: pem.split('/') });
const encode = (text: string): string => Buffer.from(text).toString('base64');

describe('namespaceLifecycle', () => {
  const namespaces = [{ metadata: { name: 'ns' } }, { metadata: { name: 'ending' }, status: { phase: 'Terminating' } }];
  const plugin = namespaceLifecycle({ reader: readerOf({ namespaces }) });
  const object = { metadata: { name: 'p' } };
  const cases: Record<string, [Facts, string | undefined]> = {
    'lets content into namespaces that are there': [{ object }, undefined],
    'refuses content for others': [{ object, namespace: 'none' }, 'namespaces "none" not found'],
    'refuses new content for those that end': [
      { object, namespace: 'ending' },
      'pods "p" is forbidden: unable to create new content in namespace ending because it is being terminated',
    ],
    'lets what is there be changed': [{ object, previous: object, namespace: 'ending' }, undefined],
    'lets anything be deleted': [{ previous: object, namespace: 'none' }, undefined],
    'keeps the namespaces of the system': [
      { resource: 'namespaces', namespace: 'default', previous: { metadata: { name: 'default' } } },
      'namespaces "default" is forbidden: this namespace may not be deleted',
    ],
    'says nothing about namespaces to who asks for rights': [
      { group: 'authorization.k8s.io', resource: 'localsubjectaccessreviews', namespace: 'none', object },
      undefined,
    ],
  };
  for (const [title, [facts, wanted]] of Object.entries(cases)) {
    it(title, async () => assert.equal(await admit(plugin, attemptOf(facts)), wanted));
  }
});

describe('nodeRestriction', () => {
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u', controller: true };
  const mirror = (more: object = {}, spec: object = {}) => ({
    metadata: { name: 'm', annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [owner], ...more },
    spec: { nodeName: 'n', containers: [], ...spec },
  });
  const asked = { name: 't', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 't' } }] } };
  const byClaim = { name: 'v', persistentVolumeClaim: { claimName: 'c' } };
  const pods = [
    { metadata: { name: 'own', namespace: 'ns', uid: 'o' }, spec: { nodeName: 'n', volumes: [asked] } },
    { metadata: { name: 'other', namespace: 'ns', uid: 'x' }, spec: { nodeName: 'else' } },
    { metadata: { name: 'claiming', namespace: 'ns', uid: 'c' }, spec: { nodeName: 'n', volumes: [byClaim] } },
    {
      metadata: { name: 'lost', namespace: 'ns', uid: 'l' },
      spec: { nodeName: 'n', volumes: [{ name: 'v', csi: { driver: 'gone' } }] },
    },
  ];
  const reader = readerOf({
    pods,
    nodes: [{ metadata: { name: 'n', uid: 'u' } }],
    persistentvolumeclaims: [{ metadata: { name: 'c', namespace: 'ns' }, spec: { volumeName: 'pv' } }],
    persistentvolumes: [{ metadata: { name: 'pv' }, spec: { csi: { driver: 'd' } } }],
    csidrivers: [{ metadata: { name: 'd' }, spec: { tokenRequests: [{ audience: 'sts' }] } }],
  });
  const plugin = nodeRestriction({
    reader,
    readSubject,
    authorizer: authorizerOf('request-serviceaccounts-token-audience granted robot'),
  });
  const user = { name: 'system:node:n', groups: ['system:nodes'] };
  const token = (name: string, uid: string, ...audiences: string[]): Facts => ({
    resource: 'serviceaccounts',
    subresource: 'token',
    name: 'robot',
    object: { metadata: {}, spec: { audiences, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } } },
  });
  const node = (metadata: object, spec: object = {}) => ({ metadata: { name: 'n', ...metadata }, spec });
  const ofNode = (next: object, previous?: object): Facts => ({
    resource: 'nodes',
    namespace: '',
    object: next,
    previous,
  });
  const status = (next: object, previous: object): Facts => ({ subresource: 'status', object: next, previous });
  const claim = (capacity: string, labels: object = {}) => ({
    metadata: { name: 'c', labels },
    status: { capacity: { storage: capacity } },
  });
  const ofClaim = (next: object, subresource = 'status'): Facts => ({
    resource: 'persistentvolumeclaims',
    subresource,
    object: next,
    previous: claim('1Gi'),
  });
  const lease = (namespace: string, name: string): Facts => ({
    group: 'coordination.k8s.io',
    resource: 'leases',
    namespace,
    object: { metadata: { name } },
  });
  const slice = (nodeName: string): Facts => ({
    group: 'resource.k8s.io',
    resource: 'resourceslices',
    object: { metadata: { name: 's' }, spec: { nodeName } },
  });
  const request = (signerName: string, text: string): Facts => ({
    group: 'certificates.k8s.io',
    resource: 'certificatesigningrequests',
    object: { metadata: { name: 'r' }, spec: { signerName, request: encode(text) } },
  });
  const eviction = (name: string): Facts => ({ subresource: 'eviction', name, object: { metadata: { name } } });

  const cases: Record<string, [Facts, string | undefined]> = {
    'a mirror pod of its own': [{ object: mirror() }, undefined],
    'another pod': [
      { object: mirror({ annotations: {} }) },
      'pods "m" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n" can only create mirror pods',
    ],
    'a mirror pod elsewhere': [
      { object: mirror({}, { nodeName: 'else' }) },
      'pods "m" is forbidden: node "n" can only create pods with spec.nodeName set to itself',
    ],
    'a mirror pod of nobody': [
      { object: mirror({ ownerReferences: [] }) },
      'pods "m" is forbidden: node "n" can only create pods with an owner reference set to itself',
    ],
    'a mirror pod of an old node': [
      { object: mirror({ ownerReferences: [{ ...owner, uid: 'old' }] }) },
      'pods "m" is forbidden: node n UID mismatch: expected old got u',
    ],
    'a mirror pod with a secret': [
      { object: mirror({}, { volumes: [{ name: 'v', secret: { secretName: 's' } }] }) },
      'pods "m" is forbidden: node "n" can not create pods that reference secrets',
    ],
    'an update of a pod': [
      { object: mirror(), previous: mirror() },
      'pods "m" is forbidden: unexpected operation "UPDATE", node "n" can only create and delete mirror pods',
    ],
    'the end of a pod of its own': [{ name: 'own', previous: pods[0] }, undefined],
    'the end of another pod': [
      { name: 'other', previous: pods[1] },
      'pods "other" is forbidden: node "n" can only delete pods with spec.nodeName set to itself',
    ],
    'an eviction of its own': [eviction('own'), undefined],
    'an eviction elsewhere': [
      eviction('other'),
      'pods "other" is forbidden: node n can only evict pods with spec.nodeName set to itself',
    ],
    'an eviction of nobody': [eviction('none'), 'pod "none" not found'],
    'another part of a pod': [
      { subresource: 'binding', object: mirror() },
      `pods "m" is forbidden: unexpected pod subresource "binding", only 'status' and 'eviction' are allowed`,
    ],
    'a status of its own': [status(mirror(), mirror()), undefined],
    'labels through a status': [
      status(mirror({ labels: { a: 'b' } }), mirror()),
      'pods "m" is forbidden: node "n" cannot update labels through pod status',
    ],
    'another node': [
      { ...ofNode(node({})), name: 'else' },
      'nodes "else" is forbidden: node "n" is not allowed to modify node "else"',
    ],
    'labels of kubelets': [
      ofNode(node({ labels: { 'kubernetes.io/os': 'linux', 'x.node.kubernetes.io/y': 'z', own: 'z' } })),
      undefined,
    ],
    'labels of the system': [
      ofNode(node({ labels: { 'node-restriction.kubernetes.io/a': 'b', 'k8s.io/c': 'd' } })),
      'nodes "n" is forbidden: node "n" is not allowed to set the following labels: k8s.io/c, node-restriction.kubernetes.io/a',
    ],
    'other labels later': [
      ofNode(node({ labels: { 'kubernetes.io/x': 'b' } }), node({})),
      'nodes "n" is forbidden: is not allowed to modify labels: kubernetes.io/x',
    ],
    taints: [
      ofNode(node({}, { taints: [{ key: 'a', effect: 'NoSchedule' }] }), node({})),
      'nodes "n" is forbidden: node "n" is not allowed to modify taints',
    ],
    owners: [
      ofNode(node({ ownerReferences: [owner] }), node({})),
      'nodes "n" is forbidden: node "n" is not allowed to modify ownerReferences',
    ],
    'what a claim has': [ofClaim(claim('2Gi')), undefined],
    'a claim itself': [
      ofClaim(claim('2Gi'), ''),
      'persistentvolumeclaims "c" is forbidden: may only update PVC status',
    ],
    'a token for a pod of its own': [token('own', 'o', 'vault'), undefined],
    'a token that a volume of the pod needs': [token('claiming', 'c', 'sts'), undefined],
    'a token that was granted': [token('own', 'o', 'granted'), undefined],
    'a token for another audience': [
      token('own', 'o', 'bank'),
      'serviceaccounts "robot" is forbidden: audience "bank" not found in pod spec volume, system:node:n is not authorized to request tokens for this audience',
    ],
    'a token for a driver that is gone': [
      token('lost', 'l', 'bank'),
      'serviceaccounts "robot" is forbidden: error validating audience "bank": csidriver.storage.k8s.io "gone" not found',
    ],
    'a token for many': [
      token('own', 'o', 'a', 'b'),
      'serviceaccounts "robot" is forbidden: node may only request 0 or 1 audiences',
    ],
    'a token for a pod elsewhere': [
      token('other', 'x', ''),
      'serviceaccounts "robot" is forbidden: node requested token bound to a pod scheduled on a different node',
    ],
    'a token for an old pod': [
      token('own', 'old'),
      'serviceaccounts "robot" is forbidden: the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
    ],
    'a token for nothing': [
      { ...token('', ''), object: { metadata: {}, spec: {} } },
      'serviceaccounts "robot" is forbidden: node requested token not bound to a pod',
    ],
    'its lease': [lease('kube-node-lease', 'n'), undefined],
    'another lease': [
      lease('kube-node-lease', 'm'),
      'leases.coordination.k8s.io "m" is forbidden: can only access node lease with the same name as the requesting node',
    ],
    'a lease elsewhere': [
      lease('default', 'n'),
      'leases.coordination.k8s.io "n" is forbidden: can only access leases in the "kube-node-lease" system namespace',
    ],
    'its devices': [slice('n'), undefined],
    'other devices': [
      slice('m'),
      'resourceslices.resource.k8s.io "s" is forbidden: can only create ResourceSlice with the same NodeName as the requesting node',
    ],
    'its certificate': [request('kubernetes.io/kubelet-serving', 'system:node:n'), undefined],
    'another certificate': [
      request('kubernetes.io/kube-apiserver-client-kubelet', 'system:node:m'),
      'certificatesigningrequests.certificates.k8s.io "r" is forbidden: can only create a node CSR with CN=system:node:n',
    ],
  };
  for (const [title, [facts, wanted]] of Object.entries(cases)) {
    it(`${wanted === undefined ? 'lets a kubelet at' : 'keeps a kubelet from'} ${title}`, async () => {
      assert.equal(await admit(plugin, attemptOf({ ...facts, user })), wanted);
    });
  }
  it('keeps kubelets without a name from everything, and others from nothing', async () => {
    const nameless = { name: 'system:node:', groups: ['system:nodes'] };
    assert.match(
      (await admit(plugin, attemptOf({ object: mirror(), user: nameless }))) ?? '',
      /could not determine node from user "system:node:"/,
    );
    assert.equal(
      await admit(
        plugin,
        attemptOf({ object: mirror({ annotations: {} }), user: { name: 'system:node:n', groups: [] } }),
      ),
      undefined,
    );
  });
});

describe('plugins of storage and networks', () => {
  const marked = (name: string, creationTimestamp: string, key: string) => ({
    metadata: { name, creationTimestamp, annotations: { [key]: 'true' } },
  });
  const storageKey = 'storageclass.kubernetes.io/is-default-class';
  const storageclasses = [
    marked('old', '2030-01-01T00:00:00Z', storageKey),
    marked('new-b', '2030-01-02T00:00:00Z', storageKey),
    marked('new-a', '2030-01-02T00:00:00Z', 'storageclass.beta.kubernetes.io/is-default-class'),
    { metadata: { name: 'grows' }, allowVolumeExpansion: true },
  ];
  const reader = readerOf({
    storageclasses,
    ingressclasses: [marked('web', '2030-01-01T00:00:00Z', 'ingressclass.kubernetes.io/is-default-class')],
  });
  const claim = (spec: object, annotations: object = {}, status: object = { phase: 'Bound' }) => ({
    metadata: { name: 'c', annotations },
    spec,
    status,
  });
  const ofClaim = (next: object, previous?: object) =>
    attemptOf({ resource: 'persistentvolumeclaims', object: next, previous });

  it('give claims the youngest default class, unless they chose one', async () => {
    const chosen: unknown[] = [];
    for (const object of [
      claim({}),
      claim({ storageClassName: '' }),
      claim({}, { 'volume.beta.kubernetes.io/storage-class': 'x' }),
    ]) {
      const attempt = ofClaim(object);
      await admit(defaultStorageClass({ reader }), attempt);
      chosen.push(specOf(attempt)['storageClassName']);
    }
    assert.deepEqual(chosen, ['new-a', '', undefined]);
  });
  it('give ingresses the default class, unless they chose one', async () => {
    const chosen: unknown[] = [];
    for (const annotations of [{}, { 'kubernetes.io/ingress.class': 'x' }]) {
      const attempt = attemptOf({
        group: 'networking.k8s.io',
        resource: 'ingresses',
        object: { metadata: { name: 'i', annotations }, spec: {} },
      });
      await admit(defaultIngressClass({ reader }), attempt);
      chosen.push(specOf(attempt)['ingressClassName']);
    }
    assert.deepEqual(chosen, ['web', undefined]);
  });
  const sized = (storage: string, storageClassName = 'grows', status?: object) =>
    claim({ storageClassName, resources: { requests: { storage } } }, {}, status);
  const resizes: Record<string, [object, object, string | undefined]> = {
    'lets a claim grow where its class allows it': [sized('2Gi'), sized('1Gi'), undefined],
    'lets a claim shrink: others judge that': [sized('1Gi'), sized('2Gi'), undefined],
    'takes the same size in other words': [sized('1024Mi'), sized('1Gi'), undefined],
    'keeps claims that are not bound': [
      sized('2Gi'),
      sized('1Gi', 'grows', {}),
      'Only bound persistent volume claims can be expanded',
    ],
    'keeps claims of other classes': [
      sized('2Gi', 'old'),
      sized('1Gi', 'old'),
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    ],
  };
  for (const [title, [next, previous, why]] of Object.entries(resizes)) {
    it(title, async () => {
      const wanted = why === undefined ? undefined : `persistentvolumeclaims "c" is forbidden: ${why}`;
      assert.equal(await admit(persistentVolumeClaimResize({ reader }), ofClaim(next, previous)), wanted);
    });
  }
  it('hold claims and volumes by a finalizer, once', async () => {
    const attempt = attemptOf({
      resource: 'persistentvolumes',
      object: { metadata: { name: 'v', finalizers: ['x'] } },
    });
    await admit(storageObjectInUseProtection, attempt);
    await admit(storageObjectInUseProtection, attempt);
    assert.deepEqual(attempt.object?.metadata.finalizers, ['x', 'kubernetes.io/pv-protection']);
  });
  it('let no pod on a node that has not reported yet', async () => {
    const attempt = attemptOf({ resource: 'nodes', object: { metadata: { name: 'n' } } });
    await admit(taintNodesByCondition, attempt);
    assert.deepEqual(specOf(attempt)['taints'], [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  });
});

describe('plugins of certificates', () => {
  const facts = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', namespace: '' };
  const csr = (signerName: string, more: object = {}) => ({
    metadata: { name: 'r' },
    spec: { signerName, request: encode('dev/ops') },
    ...more,
  });
  const refusal = (why: string): string => `certificatesigningrequests.certificates.k8s.io "r" is forbidden: ${why}`;
  const approve = { ...facts, subresource: 'approval', object: csr('a.com/b'), previous: csr('a.com/b') };

  it('let those approve that may for the signer or for all of its domain', async () => {
    const plugin = (...allowed: string[]) => certificateApproval({ authorizer: authorizerOf(...allowed) });
    assert.equal(
      await admit(plugin(), attemptOf(approve)),
      refusal('user not permitted to approve requests with signerName "a.com/b"'),
    );
    assert.equal(await admit(plugin('approve signers a.com/b'), attemptOf(approve)), undefined);
    assert.equal(await admit(plugin('approve signers a.com/*'), attemptOf(approve)), undefined);
  });
  it('let those sign that may, and others change the rest of the status', async () => {
    const plugin = certificateSigning({ authorizer: authorizerOf() });
    const signed = {
      ...facts,
      subresource: 'status',
      object: csr('a.com/b', { status: { certificate: 'x' } }),
      previous: csr('a.com/b'),
    };
    assert.equal(
      await admit(plugin, attemptOf(signed)),
      refusal('user not permitted to sign requests with signerName "a.com/b"'),
    );
    assert.equal(await admit(plugin, attemptOf({ ...signed, object: csr('a.com/b') })), undefined);
  });
  it('make nobody a master of the system', async () => {
    const plugin = certificateSubjectRestriction({ readSubject });
    const request = (signerName: string) =>
      attemptOf({ ...facts, object: csr(signerName, { spec: { signerName, request: encode('system:masters') } }) });
    const signer = 'kubernetes.io/kube-apiserver-client';
    assert.equal(
      await admit(plugin, request(signer)),
      refusal(`use of ${signer} signer with system:masters group is not allowed`),
    );
    assert.equal(await admit(plugin, request('a.com/b')), undefined);
  });
});
