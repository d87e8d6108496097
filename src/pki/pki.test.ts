import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { connect, createServer } from 'node:tls';
import { createPkiFiles, loadPki, type PkiFiles, rotateAuthorities } from './bundle.ts';
import { certificatesOf, createAuthority, DAY_MS, issueCertificate, subjectOf } from './certificate.ts';
import { createCertificateRequest, parseCertificateRequest } from './certificate-request.ts';
import { caHash, formatJoinToken, parseJoinToken } from './join-token.ts';
import { newKey } from './keys.ts';
import { adminKubeconfig, kubeconfigEndsMs } from './kubeconfig.ts';

const nowMs = Date.UTC(2030, 0, 1);

describe('certificates', () => {
  const authority = createAuthority('test-ca@1', { nowMs });

  it('are signed by their authority and carry subject, usages and names', () => {
    const names = ['node-a', 'localhost', '127.0.0.1', '::1', 'fd00::1:2'];
    const subject = { commonName: 'node-a', organizations: ['one', 'two'], usages: ['server' as const], names };
    const leaf = new X509Certificate(issueCertificate(authority, subject, { nowMs }).certPem);
    assert.ok(leaf.checkIssued(new X509Certificate(authority.certPem)));
    assert.ok(leaf.verify(createPublicKey(authority.key)));
    assert.deepEqual(subjectOf(leaf.raw), { commonName: 'node-a', organizations: ['one', 'two'] });
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    for (const name of ['node-a', 'localhost']) assert.equal(leaf.checkHost(name), name);
    for (const ip of ['127.0.0.1', '::1', 'fd00::1:2']) assert.equal(leaf.checkIP(ip), ip);
    assert.equal(leaf.ca, false);
  });

  it('carry the usages of a request, and say that they are leaves', () => {
    const subject = { commonName: 'x', organizations: [], usages: ['client' as const] };
    const keyUsages = ['digital signature', 'key agreement', 'client auth'];
    const { raw } = new X509Certificate(issueCertificate(authority, subject, { nowMs, keyUsages }).certPem);
    // Key usage, critical: bits 0 and 4; basic constraints, critical: nothing, so no authority.
    assert.ok(raw.includes(Buffer.from('0603551d0f0101ff040403020388', 'hex')));
    assert.ok(raw.includes(Buffer.from('0603551d130101ff04023000', 'hex')));
  });

  it('end with their authority at the latest', () => {
    const subject = { commonName: 'x', organizations: [], usages: ['client' as const] };
    const leaf = new X509Certificate(issueCertificate(authority, subject, { nowMs, days: 99_999 }).certPem);
    assert.equal(leaf.validTo, new X509Certificate(authority.certPem).validTo);
  });

  it('certify a key that the caller brings and then return none', () => {
    const key = newKey();
    const subject = { commonName: 'x', organizations: [], usages: ['client' as const] };
    const issued = issueCertificate(authority, subject, { nowMs, publicKey: createPublicKey(key) });
    assert.equal(issued.keyPem, undefined);
    assert.ok(new X509Certificate(issued.certPem).checkPrivateKey(key));
    assert.equal(certificatesOf(issued.chainPem).length, 2);
  });
});

describe('certificate requests', () => {
  it('are read back with their subject', () => {
    const der = createCertificateRequest(newKey(), { commonName: 'system:node:a', organizations: ['system:nodes'] });
    const request = parseCertificateRequest(der);
    assert.equal(request.commonName, 'system:node:a');
    assert.deepEqual(request.organizations, ['system:nodes']);
  });

  it('are refused where the signature does not fit', () => {
    const der = createCertificateRequest(newKey(), { commonName: 'a', organizations: [] });
    const forged = Buffer.from(der);
    const at = forged.indexOf(Buffer.from('a'), 10);
    forged[at] = 0x62;
    assert.throws(() => parseCertificateRequest(forged));
  });
});

describe('the identity of a cluster', () => {
  it('is loaded from its files, and a missing one is named', async () => {
    const files = await createPkiFiles(nowMs);
    assert.equal(loadPki(files).serviceAccountKey.asymmetricKeyType, 'rsa');
    assert.throws(() => loadPki({ ...files, 'client-ca.key': '' }), /client-ca.key is missing/);
    assert.throws(() => loadPki({ ...files, 'client-ca.key': files['server-ca.key'] ?? '' }), /do not belong together/);
  });

  it('gets new authorities that whoever trusts the old ones trusts, twice over', async () => {
    const madeMs = Date.now() - 3 * DAY_MS;
    const first = await createPkiFiles(madeMs);
    const second = rotateAuthorities(first, madeMs + DAY_MS);
    const third = rotateAuthorities(second, madeMs + 2 * DAY_MS);
    assert.equal(second['service.key'], first['service.key']);
    for (const files of [second, third]) assert.equal(certificatesOf(files['server-ca.crt'] ?? '').length, 3);
    const rows: [trusts: PkiFiles, serves: PkiFiles, isGood: boolean][] = [
      [first, second, true],
      [second, second, true],
      [second, third, true],
      [third, second, true],
      [first, third, false],
    ];
    for (const [trusts, serves, isGood] of rows) {
      const subject = { commonName: 'server', organizations: [], usages: ['server' as const], names: ['localhost'] };
      const { chainPem, keyPem = '' } = issueCertificate(loadPki(serves).server, subject, { nowMs: Date.now() });
      const ca = trusts['server-ca.crt'] ?? '';
      assert.equal(await shakesHands({ cert: chainPem, key: keyPem }, ca), isGood);
    }
  });

  it('yields kubeconfigs whose end is known', async () => {
    const pki = loadPki(await createPkiFiles(nowMs));
    const text = adminKubeconfig(pki, { server: 'https://192.0.2.1:30443', nowMs });
    assert.match(text, /server: https:\/\/192\.0\.2\.1:30443\n/);
    assert.equal(kubeconfigEndsMs(text), nowMs + 365 * DAY_MS);
  });
});

describe('join tokens', () => {
  it('are read in every form', () => {
    const full = formatJoinToken('ca', 'server', 'pass:word');
    assert.deepEqual(parseJoinToken(`${full}\n`), {
      caHash: caHash('ca'),
      user: 'server',
      password: 'pass:word',
      bootstrap: false,
    });
    assert.deepEqual(parseJoinToken('plain'), { caHash: '', user: '', password: 'plain', bootstrap: false });
    assert.equal(parseJoinToken('abcdef.0123456789abcdef').bootstrap, true);
    assert.equal(parseJoinToken(`K10${caHash('ca')}::abcdef.0123456789abcdef`).bootstrap, true);
  });

  const wrong: Record<string, [text: string, message: RegExp]> = {
    'an empty text': ['', /must not be empty/],
    'a hash of another length': ['K10abc::server:x', /invalid token CA hash length/],
    'a text without credentials': [`K10${'a'.repeat(64)}`, /invalid token format/],
  };
  for (const [title, [text, message]] of Object.entries(wrong)) {
    it(`refuse ${title}`, () => assert.throws(() => parseJoinToken(text), message));
  }
});

/** Whether a client that trusts `ca` alone takes a server with this certificate. */
async function shakesHands(own: { cert: string; key: string }, ca: string): Promise<boolean> {
  const server = createServer(own).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca });
  try {
    await once(socket, 'secureConnect');
    return socket.authorized;
  } catch {
    return false;
  } finally {
    socket.destroy();
    server.close();
  }
}
