import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createPkiFiles, loadPki } from '../pki/bundle.ts';
import { DAY_MS } from '../pki/certificate.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { kubeletIdentity } from './kubelet-identity.ts';

describe('the identity for kubelets', () => {
  it('stays the same for months, and is renewed before it ends', async () => {
    const clock = new ManualClock();
    const pki = loadPki(await createPkiFiles(clock.nowMs()));
    const identity = kubeletIdentity(pki, 'system:apiserver', clock);
    const first = identity.certPem;
    clock.advance(200 * DAY_MS);
    assert.equal(identity.certPem, first);
    clock.advance(100 * DAY_MS);
    const renewed = new X509Certificate(identity.certPem);
    assert.notEqual(identity.certPem, first);
    assert.ok(renewed.checkPrivateKey(createPrivateKey(identity.keyPem)));
    assert.ok(Date.parse(renewed.validTo) > clock.nowMs() + 300 * DAY_MS);
    assert.equal(renewed.subject, 'O=system:masters\nCN=system:apiserver');
  });
});
