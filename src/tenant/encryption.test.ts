import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { systemClock } from '../std/clock.ts';
import { encryptionConfigPath, newEncryptionConfig, readEncryptionRules, toEncryptionRules } from './encryption.ts';
import { shareIdentity } from './shared-identity.ts';

const root = mkdtempSync(join(tmpdir(), 'warren-encryption-'));
after(() => rmSync(root, { recursive: true, force: true }));
const secret = Buffer.alloc(32, 1).toString('base64');

describe('the configuration of encryption at rest', () => {
  it('is what a k3s makes, and says which keys of the datastore it is about', () => {
    const [rule] = toEncryptionRules(JSON.parse(newEncryptionConfig()));
    assert.deepEqual(rule?.prefixes, ['/registry/secrets/']);
    assert.deepEqual(
      rule?.providers.map(({ prefix }) => prefix.toString()),
      ['k8s:enc:aescbc:v1:aescbckey:', ''],
    );
  });

  it('finds where resources are stored', () => {
    const resources = [
      'configmaps',
      'deployments.apps',
      'services',
      'ingresses.networking.k8s.io',
      'widgets.example.com',
    ];
    const keys = [{ name: 'k', secret }];
    const rules = toEncryptionRules({ resources: [{ resources, providers: [{ secretbox: { keys } }] }] });
    assert.deepEqual(
      rules.flatMap(({ prefixes }) => prefixes),
      ['configmaps', 'deployments', 'services/specs', 'ingress', 'example.com/widgets'].map(
        (name) => `/registry/${name}/`,
      ),
    );
  });

  it('tells what cannot be used', () => {
    const dataDir = join(root, 'broken');
    const path = encryptionConfigPath({ dataDir });
    mkdirSync(dirname(path), { recursive: true });
    for (const [text, message] of [
      ['{', /cannot be used/],
      [
        JSON.stringify({ resources: [{ resources: ['secrets'], providers: [{ kms: {} }] }] }),
        /provider kms is not known/,
      ],
      [JSON.stringify({ resources: [{ resources: ['secrets'] }] }), /has no provider/],
      [
        JSON.stringify({ resources: [{ providers: [{ aescbc: { keys: [{ name: 'k', secret: 'AAAA' }] } }] }] }),
        /has 3 bytes, and needs 16, 24, 32/,
      ],
    ] as const) {
      writeFileSync(path, text);
      assert.throws(() => readEncryptionRules({ dataDir }), message);
    }
  });

  it('is made once it is asked for, and shared with other servers of the cluster', async () => {
    await using backend = await openMemoryBackend();
    const place = (name: string, encryptsSecrets: boolean) => ({
      dataDir: join(root, name),
      pkiDir: undefined,
      token: 'secret',
      encryptsSecrets,
    });
    const share = (config: ReturnType<typeof place>) =>
      shareIdentity(config, backend, { isOwn: false, clock: systemClock });
    await share(place('one', false));
    assert.ok(!existsSync(encryptionConfigPath(place('one', false))));
    await Promise.all([share(place('two', true)), share(place('three', true))]);
    await share(place('four', false));
    const [two, three, four] = ['two', 'three', 'four'].map((name) =>
      readFileSync(encryptionConfigPath(place(name, false)), 'utf8'),
    );
    assert.match(two ?? '', /aescbckey/);
    assert.deepEqual([three, four], [two, two]);
  });
});
