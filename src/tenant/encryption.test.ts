import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { encryptionConfigPath, followEncryptionRules, newEncryptionConfig, readEncryptionRules } from './encryption.ts';
import { toEncryptionRules } from './encryption-configuration.ts';
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

  it('tells what cannot be used', async () => {
    const dataDir = join(root, 'broken');
    const path = encryptionConfigPath({ dataDir });
    mkdirSync(dirname(path), { recursive: true });
    for (const [text, message] of [
      ['{', /cannot be used/],
      [
        JSON.stringify({ resources: [{ resources: ['secrets'], providers: [{ kms: {} }] }] }),
        /provider kms is not known/,
      ],
      [JSON.stringify({ resources: [{ resources: ['secrets'] }] }), /at least one provider/],
      [
        JSON.stringify({
          resources: [{ resources: ['secrets'], providers: [{ aescbc: { keys: [{ name: 'k', secret: 'AAAA' }] } }] }],
        }),
        /has 3 bytes, and needs 16, 24, 32/,
      ],
    ] as const) {
      writeFileSync(path, text);
      await assert.rejects(readEncryptionRules({ dataDir }), message);
    }
  });

  const providers = [{ secretbox: { keys: [{ name: 'k', secret }] } }];
  const prefixesOf = (...lists: string[][]): string[] =>
    toEncryptionRules({ resources: lists.map((resources) => ({ resources, providers })) }).flatMap(
      ({ prefixes }) => prefixes,
    );

  it('takes all of a group, and all there is', () => {
    assert.deepEqual(prefixesOf(['*.apps']).sort(), [
      '/registry/controllerrevisions/',
      '/registry/daemonsets/',
      '/registry/deployments/',
      '/registry/replicasets/',
      '/registry/statefulsets/',
    ]);
    const core = prefixesOf(['*.']);
    assert.ok(core.includes('/registry/secrets/') && core.includes('/registry/minions/'));
    assert.ok(!core.includes('/registry/deployments/'));
    assert.deepEqual(prefixesOf(['*.example.com']), ['/registry/example.com/']);
    assert.deepEqual(prefixesOf(['*.*']), ['/registry/']);
  });

  it('prefers what is exact to what is not, and what comes first to what comes later', () => {
    assert.deepEqual(prefixesOf(['*.*'], ['*.example.com'], ['widgets.example.com', 'secrets'], ['secrets']), [
      '/registry/example.com/widgets/',
      '/registry/secrets/',
      '/registry/secrets/',
      '/registry/example.com/',
      '/registry/',
    ]);
  });

  const refused: Record<string, [configuration: object, message: RegExp]> = {
    'another kind': [{ kind: 'Secret', resources: [] }, /must be apiserver.config.k8s.io\/v1 EncryptionConfiguration/],
    'no resources at all': [{}, /^Error: resources: at least one/],
    'a list without resources': [{ resources: [{ providers }] }, /^Error: resources\[0\].resources: at least one/],
    'a lone star': [{ resources: [{ resources: ['*'], providers }] }, /resources\[0\].resources\[0\]: \*: use '\*\.'/],
    'capital letters': [{ resources: [{ resources: ['Secrets'], providers }] }, /capital letters/],
    'one resource of all groups': [{ resources: [{ resources: ['secrets.*'], providers }] }, /across groups/],
    'events under their other group': [
      { resources: [{ resources: ['events.events.k8s.io'], providers }] },
      /Use 'events'/,
    ],
    'a resource twice': [{ resources: [{ resources: ['secrets', 'secrets'], providers }] }, /multiple times/],
    'a resource beside its group': [{ resources: [{ resources: ['secrets', '*.'], providers }] }, /overlapping/],
    'anything beside everything': [{ resources: [{ resources: ['secrets', '*.*'], providers }] }, /overlapping/],
    'two providers in one': [
      { resources: [{ resources: ['secrets'], providers: [{ identity: {}, ...providers[0] }] }] },
      /providers\[0\]: more than one provider/,
    ],
    'no keys': [
      { resources: [{ resources: ['secrets'], providers: [{ aesgcm: { keys: [] } }] }] },
      /at least one keys/,
    ],
    'a key without a name': [
      { resources: [{ resources: ['secrets'], providers: [{ aesgcm: { keys: [{ secret }] } }] }] },
      /keys\[0\].name/,
    ],
    'a key that is no base64': [
      { resources: [{ resources: ['secrets'], providers: [{ aesgcm: { keys: [{ name: 'k', secret: 'a key!' }] } }] }] },
      /must be base64/,
    ],
  };
  for (const [what, [configuration, message]] of Object.entries(refused))
    it(`refuses ${what}`, () => assert.throws(() => toEncryptionRules(configuration), message));

  it('is read in YAML, and anew when its file changes', async () => {
    const file = join(root, 'encryption.yaml');
    const yaml = (name: string): string => `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: ${name}, secret: ${secret}}]}
  - identity: {}
`;
    writeFileSync(file, yaml('one'));
    const config = { dataDir: join(root, 'none'), encryptionConfigFile: file };
    const writerOf = (rules: Awaited<ReturnType<typeof readEncryptionRules>>): string | undefined =>
      rules[0]?.providers[0].prefix.toString();
    assert.equal(writerOf(await readEncryptionRules(config)), 'k8s:enc:secretbox:v1:one:');
    const clock = new ManualClock();
    const found: (string | undefined)[] = [];
    const stop = followEncryptionRules(file, { clock, logger: silentLogger }, (rules) => found.push(writerOf(rules)));
    for (const text of [yaml('two'), 'resources: broken', yaml('three')]) {
      writeFileSync(file, text);
      clock.advance(5_000);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    stop();
    assert.deepEqual(found, ['k8s:enc:secretbox:v1:two:', 'k8s:enc:secretbox:v1:three:']);
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
