import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { readerOf } from '../../testing/admission.ts';
import type { CreaterRequest } from './creater.ts';
import { defaultTokenRequest, type IssueRequest, tokenCreater } from './token.ts';

const reader = readerOf({
  serviceaccounts: [{ metadata: { name: 'robot', namespace: 'ns', uid: 'account' } }],
  pods: [
    { metadata: { name: 'p', namespace: 'ns', uid: 'pod' }, spec: { serviceAccountName: 'robot', nodeName: 'n' } },
    { metadata: { name: 'other', namespace: 'ns', uid: 'other' }, spec: { serviceAccountName: 'default' } },
  ],
  secrets: [{ metadata: { name: 's', namespace: 'ns', uid: 'secret' } }],
  nodes: [{ metadata: { name: 'm', uid: 'node' } }],
});
const clock = { nowMs: () => Date.UTC(2030, 0, 1) } as Parameters<typeof tokenCreater>[0]['clock'];

/** What the token is issued for and what the client gets, or the refusal. */
async function ask(spec: object, metadata: object = {}, name = 'robot') {
  const issued: IssueRequest[] = [];
  const issuer = {
    audiences: ['https://kube'],
    async issueToken(_account: unknown, request: IssueRequest) {
      issued.push(request);
      return { id: 'i', token: 't', expirationTimestamp: '2030-01-01T01:00:00Z' };
    },
  };
  const object = { metadata: { ...metadata }, spec } as unknown as AnyObject;
  defaultTokenRequest(object);
  const request = { key: { namespace: 'ns', name }, validate: async () => {} } as unknown as CreaterRequest;
  try {
    const { object: answer } = await tokenCreater({ reader, issuer, clock }).create(object, request);
    return { answer, issued: issued[0] };
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, message: error.message };
    throw error;
  }
}

const bound = (kind: string, name: string, uid?: string) => ({ boundObjectRef: { kind, apiVersion: 'v1', name, uid } });
const gone = 'The object might have been deleted and then recreated';

describe('tokenCreater', () => {
  it('fills in what the client leaves out', async () => {
    const { answer, issued } = await ask({});
    assert.deepEqual(answer, {
      metadata: { name: 'robot', namespace: 'ns', uid: 'account', creationTimestamp: '2030-01-01T00:00:00Z' },
      spec: { audiences: ['https://kube'], expirationSeconds: 3600 },
      status: { token: 't', expirationTimestamp: '2030-01-01T01:00:00Z' },
    });
    assert.deepEqual(issued, { audiences: ['https://kube'], expirationSeconds: 3600 });
  });

  it('binds to a pod and tells of its node, even where that is unknown', async () => {
    const { issued } = await ask({ audiences: ['a'], ...bound('Pod', 'p', 'pod') });
    assert.deepEqual([issued?.pod?.metadata?.uid, issued?.node], ['pod', { metadata: { name: 'n' } }]);
  });

  it('binds to secrets and to nodes', async () => {
    assert.equal((await ask(bound('Secret', 's'))).issued?.secret?.metadata?.uid, 'secret');
    assert.equal((await ask(bound('Node', 'm', 'node'))).issued?.node?.metadata?.uid, 'node');
  });

  const refusals: Record<string, [spec: object, metadata: object, code: number, message: string]> = {
    'a short life': [
      { expirationSeconds: 599 },
      {},
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
    ],
    'a long life': [
      { expirationSeconds: 2 ** 32 + 1 },
      {},
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
    ],
    'another name': [
      {},
      { name: 'x' },
      422,
      'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.name: Invalid value: "x": must match the service account name if specified',
    ],
    'another account': [
      {},
      { uid: 'x' },
      409,
      'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in the token request (x) does not match the UID of the service account (account)',
    ],
    'another kind': [bound('ConfigMap', 'c'), {}, 400, 'cannot bind token to object of type /v1, Kind=ConfigMap'],
    'a pod that is not there': [bound('Pod', 'none'), {}, 404, 'pods "none" not found'],
    'a pod of another account': [
      bound('Pod', 'other', 'wrong'),
      {},
      400,
      'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.',
    ],
    'a pod of before': [
      bound('Pod', 'p', 'old'),
      {},
      409,
      `Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (old) does not match the UID in record. ${gone}`,
    ],
  };
  for (const [title, [spec, metadata, code, message]] of Object.entries(refusals)) {
    it(`refuses ${title}`, async () => assert.deepEqual(await ask(spec, metadata), { code, message }));
  }
  it('refuses accounts that are not there', async () => {
    assert.deepEqual(await ask({}, {}, 'none'), { code: 404, message: 'serviceaccounts "none" not found' });
  });
});
