import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import type { Secret } from '../generated/api/core/v1.ts';
import type { Registries } from './api/virtual-cluster.ts';
import { toSecretData } from './observed.ts';
import { toRegistryFiles } from './registries.ts';

const secretsOf = (...list: [name: string, type: string, texts: Record<string, string>][]) =>
  new Map<string, Secret>(
    list.map(([name, type, texts]) => [name, { metadata: { name }, type, data: toSecretData(texts) }]),
  );
const host = 'mirror.example.com:5000';
const login = (name: string): Registries => ({ configs: { [host]: { auth: { secretRef: { name } } } } });
const docker = (auths: Record<string, unknown>) => ({ '.dockerconfigjson': JSON.stringify({ auths }) });

describe('toRegistryFiles', () => {
  it("writes k3s's file, with certificates beside it", async () => {
    const { files, fault } = await toRegistryFiles(
      {
        mirrors: {
          'docker.io': { endpoint: [`https://${host}`], rewrite: { '^rancher/(.*)': 'mirror/rancher/$1' } },
          '*': { endpoint: ['http://10.0.0.1:5000'] },
        },
        configs: {
          [host]: {
            auth: { secretRef: { name: 'login' } },
            tls: { ca: 'CA', clientCertificateSecretRef: { name: 'pair' } },
          },
          '10.0.0.1:5000': { tls: { insecureSkipVerify: true } },
        },
      },
      secretsOf(
        ['login', 'kubernetes.io/basic-auth', { username: 'me', password: 'p:w' }],
        ['pair', 'kubernetes.io/tls', { 'tls.crt': 'CRT', 'tls.key': 'KEY' }],
      ),
    );
    assert.equal(fault, undefined);
    const { '/etc/rancher/k3s/registries.yaml': text = '', ...certificates } = files ?? {};
    const folder = '/etc/rancher/k3s/warren-registries/mirror.example.com_5000';
    assert.deepEqual(certificates, { [`${folder}.ca.crt`]: 'CA', [`${folder}.crt`]: 'CRT', [`${folder}.key`]: 'KEY' });
    assert.deepEqual(parse(text), {
      mirrors: {
        'docker.io': { endpoint: [`https://${host}`], rewrite: { '^rancher/(.*)': 'mirror/rancher/$1' } },
        '*': { endpoint: ['http://10.0.0.1:5000'] },
      },
      configs: {
        [host]: {
          auth: { username: 'me', password: 'p:w' },
          tls: { ca_file: `${folder}.ca.crt`, cert_file: `${folder}.crt`, key_file: `${folder}.key` },
        },
        '10.0.0.1:5000': { tls: { insecure_skip_verify: true } },
      },
    });
  });

  const logins: Record<string, [auths: Record<string, unknown>, host: string, auth: unknown]> = {
    'by name and password': [
      { [host]: { username: 'a', password: 'b', auth: 'x' } },
      host,
      { username: 'a', password: 'b' },
    ],
    'by a text': [{ [`https://${host}/v1/`]: { auth: 'eA==' } }, host, { auth: 'eA==' }],
    'by a token': [{ [host]: { identitytoken: 't' } }, host, { identity_token: 't' }],
    "of Docker's registry": [{ 'https://index.docker.io/v1/': { auth: 'x' } }, 'docker.io', { auth: 'x' }],
  };
  for (const [title, [auths, at, auth]] of Object.entries(logins))
    it(`takes a login of Docker ${title}`, async () => {
      const { files } = await toRegistryFiles(
        { configs: { [at]: { auth: { secretRef: { name: 's' } } } } },
        secretsOf(['s', 'kubernetes.io/dockerconfigjson', docker(auths)]),
      );
      assert.deepEqual(parse(files?.['/etc/rancher/k3s/registries.yaml'] ?? '').configs[at].auth, auth);
    });

  const faults: Record<string, [Registries, Map<string, Secret>, string]> = {
    'a Secret that is not there': [login('no'), secretsOf(), 'SecretMissing'],
    'a Secret of another kind': [
      login('other'),
      secretsOf(['other', 'warren.dev/token', { username: 'a', password: 'b' }]),
      'SecretTypeWrong',
    ],
    'a Secret without a password': [
      login('s'),
      secretsOf(['s', 'kubernetes.io/basic-auth', { username: 'a' }]),
      'SecretKeyMissing',
    ],
    'a login of another registry': [
      login('s'),
      secretsOf(['s', 'kubernetes.io/dockerconfigjson', docker({ 'ghcr.io': { auth: 'x' } })]),
      'LoginMissing',
    ],
    'a broken login of Docker': [
      login('s'),
      secretsOf(['s', 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{' }]),
      'LoginMissing',
    ],
    'a pattern that is none': [
      { mirrors: { 'docker.io': { rewrite: { '(': 'x' } } } },
      secretsOf(),
      'RewriteMalformed',
    ],
  };
  for (const [title, [registries, secrets, reason]] of Object.entries(faults))
    it(`tells of ${title}, and gives nothing`, async () => {
      const { files, fault } = await toRegistryFiles(registries, secrets);
      assert.equal(files, undefined);
      assert.equal(fault?.reason, reason);
    });
});
