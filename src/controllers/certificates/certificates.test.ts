import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { certificatesigningrequests } from '../../generated/resource-types.ts';
import { createAuthority } from '../../pki/certificate.ts';
import { createCertificateRequest, toRequestPem } from '../../pki/certificate-request.ts';
import { newKey } from '../../pki/keys.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { kubeletClientFault } from './request-rules.ts';
import { planTtlSeconds } from './signing.ts';

const usages = ['client auth', 'digital signature'];
const subject = { commonName: 'system:node:n1', organizations: ['system:nodes'] };

describe('kubeletClientFault', () => {
  const request = { ...subject, publicKey: newKey(), dnsNames: [], ipAddresses: [], emailAddresses: [], uris: [] };
  it('wants the subject and the usages of a node', () => {
    assert.equal(kubeletClientFault(request, usages), undefined);
    assert.equal(
      kubeletClientFault({ ...request, organizations: [] }, usages),
      'subject organization is not system:nodes',
    );
    assert.equal(kubeletClientFault({ ...request, dnsNames: ['a'] }, usages), 'DNS subjectAltNames are not allowed');
    assert.equal(
      kubeletClientFault(request, ['server auth']),
      'usages did not match [client auth digital signature key encipherment]',
    );
  });
});

describe('planTtlSeconds', () => {
  it('keeps within ten minutes and the longest', () => {
    assert.deepEqual(
      [planTtlSeconds(undefined, 100_000), planTtlSeconds(1, 100_000), planTtlSeconds(1e9, 100_000)],
      [100_000, 600, 100_000],
    );
  });
});

describe('the certificate controllers', () => {
  it("approve and sign a kubelet's request", async () => {
    const authority = createAuthority('client-ca', { nowMs: Date.now() });
    await using cluster = startControllers(
      ['certificatesigningrequest-approving-controller', 'certificatesigningrequest-signing-controller'],
      { authorities: { client: authority, server: authority } },
      (server) => {
        server.on('POST', /subjectaccessreviews$/, () => ({ metadata: {}, spec: {}, status: { allowed: true } }));
      },
    );
    const { server, until } = cluster;
    const pem = toRequestPem(createCertificateRequest(newKey(), subject));
    server.put(certificatesigningrequests, {
      metadata: { name: 'csr' },
      spec: {
        request: Buffer.from(pem).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
        usages,
        username: 'system:node:n1',
      },
    });
    await until(() => Boolean(server.find(certificatesigningrequests, undefined, 'csr')?.status?.certificate));
    const encoded = server.find(certificatesigningrequests, undefined, 'csr')?.status?.certificate ?? '';
    const certificate = new X509Certificate(Buffer.from(encoded, 'base64'));
    assert.match(certificate.subject, /CN=system:node:n1/);
    assert.ok(certificate.verify(new X509Certificate(authority.certPem).publicKey));
  });
});
