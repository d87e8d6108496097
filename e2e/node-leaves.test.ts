/** `kubectl delete node`: nothing of a machine that has left stays on the server, and what belongs to others does. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createCertificateRequest, toRequestPem } from '../src/pki/certificate-request.ts';
import { newKey } from '../src/pki/keys.ts';
import type { AgentDouble } from '../src/testing/agent-double/agent.ts';
import { eventually } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

describe('a node that is deleted', () => {
  let server: WarrenServer;
  let kubectl: WarrenServer['kubectl'];
  let agent: AgentDouble;
  before(async () => {
    server = await startWarrenServer();
    kubectl = server.kubectl;
    agent = await server.join('leaves');
    await server.join('stays');
    await kubectl('wait --for=create serviceaccount/default --timeout=30s');
    for (const name of ['leaves', 'stays']) {
      const spec = { nodeName: name, containers: [{ name: 'c', image: 'busybox' }] };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `pod-${name}` }, spec };
      await kubectl('create -f -', { input: JSON.stringify(pod) });
      await kubectl(`wait pod/pod-${name} --for=condition=Ready --timeout=60s`);
      const attachment = {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'VolumeAttachment',
        metadata: { name: `attached-${name}` },
        spec: { attacher: 'driver.example.com', nodeName: name, source: { persistentVolumeName: 'volume' } },
      };
      await kubectl('create -f -', { input: JSON.stringify(attachment) });
      const subject = { commonName: `system:node:${name}`, organizations: ['system:nodes'] };
      const request = Buffer.from(toRequestPem(createCertificateRequest(newKey(), subject))).toString('base64');
      const csr = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name: `csr-${name}` },
        spec: {
          request,
          signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
          usages: ['digital signature', 'client auth'],
        },
      };
      // As its kubelet would ask.
      await kubectl(`create -f - --as=system:node:${name} --as-group=system:nodes`, { input: JSON.stringify(csr) });
    }
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  const places = [
    'nodes',
    'volumeattachments',
    'certificatesigningrequests',
    'pods -n default',
    'leases -n kube-node-lease',
    'secrets -n kube-system',
  ];
  const namesOf = async (name: string): Promise<readonly string[]> => {
    const found = await Promise.all(places.map(async (place) => await kubectl(`get ${place} -o name`)));
    return found.flatMap((text) => text.split('\n')).filter((each) => each.includes(name));
  };

  it('takes with it its pods, lease, password, requests for certificates and volume attachments', async () => {
    const all = (name: string): readonly string[] => [
      `node/${name}`,
      `volumeattachment.storage.k8s.io/attached-${name}`,
      `certificatesigningrequest.certificates.k8s.io/csr-${name}`,
      `pod/pod-${name}`,
      `lease.coordination.k8s.io/${name}`,
      `secret/${name}.node-password.k3s`,
    ];
    assert.deepEqual([await namesOf('leaves'), await namesOf('stays')], [all('leaves'), all('stays')]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    // Its agent is uninstalled before, as the guide says; a kubelet that runs would write to its node.
    await agent[Symbol.asyncDispose]();
    await kubectl('delete node leaves');
    await eventually(async () => assert.deepEqual(await namesOf('leaves'), []), { timeoutMs: 120_000 });
    assert.deepEqual(await namesOf('stays'), all('stays'));
  });

  it('gives its name free for another machine', async () => {
    await server.join('leaves');
    await kubectl('wait --for=condition=Ready node/leaves --timeout=60s');
  });
});
