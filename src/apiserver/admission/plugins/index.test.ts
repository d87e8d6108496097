import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authorizerOf, readerOf } from '../../../testing/admission.ts';
import { FakeFeed } from '../../../testing/fake-feed.ts';
import { createAdmissionChain, type Operation } from '../admission.ts';
import { builtinPlugins, type PluginDeps, type PluginSelection } from './index.ts';

const configured = [{ name: 'Webhooks', operations: [] as Operation[] }];
const deps = {
  reader: readerOf({}),
  feed: new FakeFeed({}),
  authorizer: authorizerOf(),
  configured,
} as unknown as PluginDeps;
const names = async (selection?: PluginSelection): Promise<readonly string[]> =>
  (await builtinPlugins(deps, selection)).map(({ name }) => name);

describe('builtinPlugins', () => {
  it('come in upstream order, webhooks behind them and quotas last', async () => {
    assert.deepEqual(await names(), [
      'NamespaceLifecycle',
      'LimitRanger',
      'ServiceAccount',
      'NodeRestriction',
      'TaintNodesByCondition',
      'PodSecurity',
      'Priority',
      'DefaultTolerationSeconds',
      'DefaultStorageClass',
      'StorageObjectInUseProtection',
      'PersistentVolumeClaimResize',
      'RuntimeClass',
      'CertificateApproval',
      'CertificateSigning',
      'CertificateSubjectRestriction',
      'DefaultIngressClass',
      'PodTopologyLabels',
      'NodeDeclaredFeatureValidator',
      'PodResizeValidator',
      'Webhooks',
      'CertificateRequester',
      'PolicyParameters',
      'DeviceClaims',
      'ResourceQuota',
    ]);
  });
  it('can be switched on and off by name', async () => {
    const changed = await names({ enable: ['PodNodeSelector'], disable: ['ResourceQuota', 'PodSecurity'] });
    assert.equal(changed.indexOf('PodNodeSelector'), changed.indexOf('Priority') - 1);
    assert.equal(changed.includes('PodSecurity') || changed.includes('ResourceQuota'), false);
    await assert.rejects(names({ enable: ['X'] }), /^Error: enable-admission-plugins plugin "X" is unknown$/);
    await assert.rejects(names({ enable: ['Priority'], disable: ['Priority'] }), /overlapped$/);
  });
});

describe('createAdmissionChain', () => {
  it('asks each plugin for its operations alone, in order', async () => {
    const asked: string[] = [];
    const plugin = (name: string, ...operations: Operation[]) => ({
      name,
      operations,
      mutate: () => void asked.push(`mutate ${name}`),
      validate: () => void asked.push(`validate ${name}`),
    });
    const chain = createAdmissionChain([plugin('a', 'CREATE'), plugin('b', 'UPDATE'), plugin('c', 'CREATE')]);
    const attempt = { operation: 'CREATE' } as Parameters<typeof chain.mutate>[0];
    await chain.mutate(attempt);
    await chain.validate(attempt);
    assert.deepEqual(asked, ['mutate a', 'mutate c', 'validate a', 'validate c']);
  });
});
