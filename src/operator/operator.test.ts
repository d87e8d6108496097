import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { tellBackups } from '../testing/operator-stories/backups.ts';
import { tellDatastore } from '../testing/operator-stories/datastore.ts';
import { tellEnding } from '../testing/operator-stories/ending.ts';
import { tellExposure } from '../testing/operator-stories/exposure.ts';
import { OperatorLab } from '../testing/operator-stories/lab.ts';
import { tellLife } from '../testing/operator-stories/life.ts';
import { tellMachines } from '../testing/operator-stories/machines.ts';
import { tellPolicies } from '../testing/operator-stories/policies.ts';
import { tellPublication } from '../testing/operator-stories/publication.ts';
import { tellRotation } from '../testing/operator-stories/rotation.ts';
import { tellTokens } from '../testing/operator-stories/tokens.ts';
import { tellVersions } from '../testing/operator-stories/versions.ts';

/** Granted, though the story does not need it on a server without the admission plugin that asks for it. */
const BESIDES = [
  // Only where the host has the Gateway API from the beginning.
  ...['create', 'patch', 'delete'].map((verb) => `tlsroutes.gateway.networking.k8s.io ${verb}`),

  'virtualclusters.warren.dev/finalizers update',
  'virtualclusterbackups.warren.dev/finalizers update',
  'jointokens.warren.dev/finalizers update',
];

/** One story of one host: each part goes on where the one before ended. */
describe('the operator', () => {
  const lab = new OperatorLab();
  before(() => lab.open());
  after(() => lab.close());

  for (const tell of [
    tellLife,
    tellExposure,
    tellRotation,
    tellPublication,
    tellDatastore,
    tellVersions,
    tellEnding,
    tellBackups,
    tellTokens,
    tellMachines,
    tellPolicies,
  ])
    tell(lab);

  it('has the rights that it uses, and no others', () => {
    const granted = (lab.role.rules ?? []).flatMap(({ apiGroups = [], resources = [], verbs = [] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => {
          const [plural, subresource] = resource.split('/');
          const what = `${plural}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
          return verbs.map((verb) => `${what} ${verb}`);
        }),
      ),
    );
    assert.deepEqual([...lab.used, ...BESIDES].sort(), granted.sort());
  });
});
