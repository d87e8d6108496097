import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret, ServiceAccount } from '../../generated/api/core/v1.ts';
import { planSecretToken } from './secret-tokens.ts';

const account = { metadata: { name: 'builder', namespace: 'ci', uid: 'u1' } } as ServiceAccount;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function makeSecret(
  annotations: Record<string, string>,
  data: Record<string, string> = {},
  type = 'kubernetes.io/service-account-token',
): Secret {
  return { metadata: { name: 's', namespace: 'ci', annotations }, type, data } as unknown as Secret;
}

const named = { 'kubernetes.io/service-account.name': 'builder' };
const full = { token: base64('t'), 'ca.crt': base64('CA'), namespace: base64('ci') };

describe('a Secret for the token of a service account', () => {
  const rows: [what: string, step: string, secret: Secret, account: ServiceAccount | undefined][] = [
    ['is filled where it is empty', 'fill with a token', makeSecret(named), account],
    [
      'is left alone where it is full',
      'keep',
      makeSecret({ ...named, 'kubernetes.io/service-account.uid': 'u1' }, full),
      account,
    ],
    [
      'keeps its token where only the authority is new',
      'fill',
      makeSecret(named, { ...full, 'ca.crt': base64('old') }),
      account,
    ],
    ['goes with its account', 'delete', makeSecret(named, full), undefined],
    [
      'goes where its account is another one of the same name',
      'delete',
      makeSecret({ ...named, 'kubernetes.io/service-account.uid': 'u0' }),
      account,
    ],
    ['is no business of ours where it names no account', 'keep', makeSecret({}), undefined],
    ['is no business of ours where it is of another type', 'keep', makeSecret(named, {}, 'Opaque'), undefined],
  ];
  for (const [what, step, secret, known] of rows) {
    it(what, () => {
      const plan = planSecretToken(secret, known, 'CA');
      assert.equal(plan.step === 'fill' && plan.needsToken ? 'fill with a token' : plan.step, step);
    });
  }
});
