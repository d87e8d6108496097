import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { StatusError } from '../../machinery/errors/status-error.ts';
import { type KubeObject, type ObjectKey, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import { createAuthority, DAY_MS, issueCertificate } from '../../pki/certificate.ts';
import type { Authenticator, Credentials } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { type AuthenticatorOptions, createAuthenticator } from './authenticator.ts';
import { createTokenSigner, type TokenSigner } from './token-signer.ts';

const startMs = Date.UTC(2030, 0, 1);
const signal = new AbortController().signal;
const authority = createAuthority('client-ca', { nowMs: startMs });
const proxyAuthority = createAuthority('request-header-ca', { nowMs: startMs });
const other = createAuthority('other', { nowMs: startMs });
const clock = {
  now: startMs,
  nowMs: () => clock.now,
  after: () => ({ cancel() {} }),
  every: () => ({ cancel() {} }),
  sleep: async () => {},
};
const account = { metadata: { namespace: 'a', name: 'robot', uid: 'u-1' } };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

class FakeReader implements ObjectReader {
  readonly objects = new Map<string, unknown>();
  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined> {
    return this.objects.get(`${type.plural}/${toKeyText(key)}`) as T | undefined;
  }
  async list<T extends KubeObject>(): Promise<readonly T[]> {
    return [];
  }
}

function chain(
  issuer: typeof authority,
  commonName: string,
  organizations: string[],
  usage: 'client' | 'server' = 'client',
) {
  const { certPem } = issueCertificate(issuer, { commonName, organizations, usages: [usage] }, { nowMs: startMs });
  return [new X509Certificate(certPem).raw];
}

function credentials(headers: Record<string, string>, certificates: readonly Buffer[] = []): Credentials {
  const rawHeaders = Object.entries(headers).flat();
  return { header: (name) => headers[name], certificates, query: new URLSearchParams(), rawHeaders };
}

const bearer = (token: string): Credentials => credentials({ authorization: `Bearer ${token}` });
const unauthorizedError = (error: unknown): boolean => error instanceof StatusError && error.code === 401;

describe('the authenticator of a server', () => {
  const reader = new FakeReader();
  let signer: TokenSigner;
  let rsaSigner: TokenSigner;
  let authenticator: Authenticator;
  const keyPem = (type: 'ec' | 'rsa'): string => {
    const { privateKey } =
      type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
    return privateKey.export({ type: type === 'ec' ? 'sec1' : 'pkcs1', format: 'pem' }).toString();
  };
  const create = (anonymous: AuthenticatorOptions['anonymous']): Authenticator =>
    createAuthenticator({
      clientCaPem: authority.certPem,
      requestHeader: { caPem: proxyAuthority.certPem, allowedNames: ['front'] },
      serviceAccounts: { keys: [signer.key, rsaSigner.key], issuers: ['https://kube'], audiences: ['https://kube'] },
      reader,
      clock,
      basic: async (user, password) =>
        user === 'node' && password === 'pw'
          ? { name: 'node', groups: ['k3s:agent', 'system:authenticated'] }
          : undefined,
      anonymous,
    });

  before(() => {
    signer = createTokenSigner({
      privateKeyPem: keyPem('ec'),
      issuer: 'https://kube',
      audiences: ['https://kube'],
      clock,
    });
    rsaSigner = createTokenSigner({
      privateKeyPem: keyPem('rsa'),
      issuer: 'https://kube',
      audiences: ['https://kube'],
      clock,
    });
    authenticator = create(false);
    reader.objects.set('serviceaccounts/a/robot', account);
    reader.objects.set('pods/a/p', { metadata: { namespace: 'a', name: 'p', uid: 'p-1' } });
  });

  const nameOf = async (from: Credentials): Promise<string | undefined> =>
    (await authenticator.authenticate(from, signal))?.name;

  it('reads user and groups from a client certificate', async () => {
    const user = await authenticator.authenticate(credentials({}, chain(authority, 'alice', ['dev', 'ops'])), signal);
    assert.equal(user?.name, 'alice');
    assert.deepEqual(user?.groups, ['dev', 'ops', 'system:authenticated']);
    assert.match(user?.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '', /^X509SHA256=[0-9a-f]{64}$/);
  });

  it('refuses certificates of other authorities and those made for servers', async () => {
    await assert.rejects(
      authenticator.authenticate(credentials({}, chain(other, 'alice', [])), signal),
      unauthorizedError,
    );
    const server = credentials({}, chain(authority, 'alice', [], 'server'));
    await assert.rejects(authenticator.authenticate(server, signal), unauthorizedError);
  });

  it('refuses a certificate once its time is over, on the same connection too', async () => {
    const certificates = chain(authority, 'alice', []);
    assert.equal(await nameOf(credentials({}, certificates)), 'alice');
    clock.now = startMs + 366 * DAY_MS;
    await assert.rejects(authenticator.authenticate(credentials({}, certificates), signal), unauthorizedError);
    clock.now = startMs;
  });

  it('takes a good token where the certificate is bad', async () => {
    const { token } = await signer.issueToken(account, { audiences: ['https://kube'], expirationSeconds: 600 });
    const both = credentials({ authorization: `Bearer ${token}` }, chain(other, 'x', []));
    assert.equal(await nameOf(both), 'system:serviceaccount:a:robot');
  });

  it('believes a front proxy with the right certificate and name only', async () => {
    const headers = { 'x-remote-user': 'bob', 'x-remote-group': 'g', 'x-remote-extra-acme.com%2fk': 'v' };
    const user = await authenticator.authenticate(credentials(headers, chain(proxyAuthority, 'front', [])), signal);
    assert.deepEqual(user, { name: 'bob', groups: ['g', 'system:authenticated'], extra: { 'acme.com/k': ['v'] } });
    const wrongName = credentials(headers, chain(proxyAuthority, 'back', []));
    await assert.rejects(authenticator.authenticate(wrongName, signal), unauthorizedError);
    // A client's own certificate makes the client itself known; the headers are nothing.
    assert.equal(await nameOf(credentials(headers, chain(authority, 'alice', []))), 'alice');
  });

  it('judges basic credentials by the function given', async () => {
    assert.equal(await nameOf(credentials({ authorization: `Basic ${base64('node:pw')}` })), 'node');
    const wrong = credentials({ authorization: `Basic ${base64('node:no')}` });
    await assert.rejects(authenticator.authenticate(wrong, signal), unauthorizedError);
    assert.equal((await create(true).authenticate(wrong, signal))?.name, 'system:anonymous');
  });

  it('lets who brings nothing ask for the paths that are open', async () => {
    const some = create({ paths: ['/livez'] });
    const at = (path: string) => ({ ...credentials({}), path });
    assert.equal((await some.authenticate(at('/livez'), signal))?.name, 'system:anonymous');
    await assert.rejects(some.authenticate(at('/livez/ping'), signal), /Unauthorized/);
  });
  it('refuses who brings nothing, or calls him anonymous where that is allowed', async () => {
    await assert.rejects(authenticator.authenticate(credentials({}), signal), unauthorizedError);
    const open = create(true);
    assert.equal((await open.authenticate(credentials({}), signal))?.name, 'system:anonymous');
    assert.equal(
      (await open.authenticate(credentials({ authorization: 'Bearer ' }), signal))?.name,
      'system:anonymous',
    );
    await assert.rejects(open.authenticate(bearer('nonsense'), signal), unauthorizedError);
  });

  for (const type of ['ec', 'rsa'] as const) {
    it(`knows its own tokens signed with ${type} keys`, async () => {
      const by = type === 'ec' ? signer : rsaSigner;
      const issued = await by.issueToken(account, {
        audiences: ['https://kube'],
        expirationSeconds: 600,
        pod: { metadata: { name: 'p', uid: 'p-1' }, spec: { containers: [] } },
        node: { metadata: { name: 'n', uid: 'n-1' }, spec: {} },
      });
      assert.equal(issued.expirationTimestamp, '2030-01-01T00:10:00Z');
      const user = await authenticator.authenticate(bearer(issued.token), signal);
      const { 'authentication.kubernetes.io/credential-id': id, ...extra } = user?.extra ?? {};
      assert.match(id?.[0] ?? '', /^JTI=[0-9a-f-]{36}$/);
      assert.deepEqual(
        { ...user, extra },
        {
          name: 'system:serviceaccount:a:robot',
          uid: 'u-1',
          groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
          extra: {
            'authentication.kubernetes.io/node-name': ['n'],
            'authentication.kubernetes.io/node-uid': ['n-1'],
            'authentication.kubernetes.io/pod-name': ['p'],
            'authentication.kubernetes.io/pod-uid': ['p-1'],
          },
        },
      );
    });
  }

  it('lets tokens of projected volumes live a year and says when they were due', async () => {
    const { token, expirationTimestamp } = await signer.issueToken(account, {
      audiences: ['https://kube'],
      expirationSeconds: 3607,
      pod: { metadata: { name: 'p', uid: 'p-1' }, spec: { containers: [] } },
    });
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    assert.equal(claims.exp - claims.iat, 365 * 24 * 3600);
    assert.equal(claims['kubernetes.io'].warnafter - claims.iat, 3607);
    assert.equal(expirationTimestamp, '2030-01-01T01:00:07Z');
  });

  it('refuses tokens that are over, for others, forged or of objects that are gone', async () => {
    const request = { audiences: ['https://kube'], expirationSeconds: 600 };
    const { token } = await signer.issueToken(account, request);
    assert.equal(await nameOf(bearer(token)), 'system:serviceaccount:a:robot');
    clock.now = startMs + 700_000;
    await assert.rejects(authenticator.authenticate(bearer(token), signal), unauthorizedError);
    clock.now = startMs;
    const elsewhere = await signer.issueToken(account, { ...request, audiences: ['vault'] });
    await assert.rejects(authenticator.authenticate(bearer(elsewhere.token), signal), unauthorizedError);
    const [header, body] = token.split('.');
    const forged = JSON.parse(Buffer.from(body ?? '', 'base64url').toString());
    forged.sub = 'system:serviceaccount:a:admin';
    const changed = `${header}.${Buffer.from(JSON.stringify(forged)).toString('base64url')}.${token.split('.')[2]}`;
    await assert.rejects(authenticator.authenticate(bearer(changed), signal), unauthorizedError);
    const gone = await signer.issueToken(account, {
      ...request,
      pod: { metadata: { name: 'gone', uid: 'x' }, spec: { containers: [] } },
    });
    await assert.rejects(authenticator.authenticate(bearer(gone.token), signal), unauthorizedError);
    const reborn = await signer.issueToken(account, {
      ...request,
      pod: { metadata: { name: 'p', uid: 'old' }, spec: { containers: [] } },
    });
    await assert.rejects(authenticator.authenticate(bearer(reborn.token), signal), unauthorizedError);
  });

  it('reviews tokens for other audiences', async () => {
    const { token } = await signer.issueToken(account, { audiences: ['own'], expirationSeconds: 600 });
    const good = await authenticator.reviewToken?.(token, ['own', 'other'], signal);
    assert.deepEqual(good !== undefined && 'audiences' in good ? good.audiences : undefined, ['own']);
    assert.deepEqual(await authenticator.reviewToken?.(token, ['other'], signal), {
      error: '[invalid bearer token, token audiences ["own"] is invalid for the target audiences ["other"]]',
    });
    assert.deepEqual(await authenticator.reviewToken?.('nonsense', [], signal), { error: 'invalid bearer token' });
  });

  it('knows tokens kept in Secrets as long as the Secret holds them', async () => {
    const secret = { metadata: { namespace: 'a', name: 's' } };
    const token = await rsaSigner.issueLegacyToken(account, secret);
    reader.objects.set('secrets/a/s', { ...secret, data: { token: base64(token) } });
    assert.equal(await nameOf(bearer(token)), 'system:serviceaccount:a:robot');
    reader.objects.set('secrets/a/s', { ...secret, data: { token: base64('else') } });
    await assert.rejects(authenticator.authenticate(bearer(token), signal), unauthorizedError);
  });

  it('knows bootstrap tokens until they expire', async () => {
    const data = {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:k3s:default-node-token',
      expiration: '2030-01-02T00:00:00Z',
    };
    const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)]));
    reader.objects.set('secrets/kube-system/bootstrap-token-abcdef', {
      metadata: {},
      type: 'bootstrap.kubernetes.io/token',
      data: encoded,
    });
    assert.deepEqual(await authenticator.authenticate(bearer('abcdef.0123456789abcdef'), signal), {
      name: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:k3s:default-node-token', 'system:authenticated'],
    });
    await assert.rejects(authenticator.authenticate(bearer('abcdef.0123456789abcdee'), signal), unauthorizedError);
    clock.now = startMs + 2 * DAY_MS;
    await assert.rejects(authenticator.authenticate(bearer('abcdef.0123456789abcdef'), signal), unauthorizedError);
    clock.now = startMs;
  });

  it('takes a token from the protocols of a WebSocket', async () => {
    const { token } = await signer.issueToken(account, { audiences: [], expirationSeconds: 600 });
    const encoded = Buffer.from(token).toString('base64url');
    const protocols = `base64url.bearer.authorization.k8s.io.${encoded}, v5.channel.k8s.io`;
    const name = await nameOf(credentials({ upgrade: 'websocket', 'sec-websocket-protocol': protocols }));
    assert.equal(name, 'system:serviceaccount:a:robot');
  });
});
