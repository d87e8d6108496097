import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { type S3Double, s3Credentials, startS3Double } from '../testing/s3-double.ts';
import { S3Bucket } from './s3-bucket.ts';
import { sha256Hex, signRequest } from './sigv4.ts';

describe('signRequest', () => {
  it("signs AWS's own example as AWS does", () => {
    // Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (GET Object)
    const credentials = {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    };
    const request = {
      method: 'GET',
      url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
      headers: { range: 'bytes=0-9' },
      bodySha256: sha256Hex(''),
    };
    const { authorization } = signRequest(request, {
      credentials,
      region: 'us-east-1',
      nowMs: Date.UTC(2013, 4, 24),
    });
    assert.match(authorization ?? '', /Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/);
  });
});

describe('a bucket', () => {
  const state: { double?: S3Double } = {};
  const double = (): S3Double => state.double as S3Double;
  before(async () => {
    state.double = await startS3Double('backups');
  });
  after(async () => await state.double?.[Symbol.asyncDispose]());
  const open = (more: object = {}) =>
    new S3Bucket({
      endpoint: double().endpoint,
      bucket: 'backups',
      region: 'eu-central-1',
      pathStyle: true,
      credentials: s3Credentials,
      nowMs: () => Date.UTC(2030, 0, 1),
      partBytes: 1000,
      ...more,
    });
  async function* bytes(...sizes: number[]): AsyncGenerator<Buffer> {
    for (const size of sizes) yield Buffer.alloc(size, 'x');
  }

  const sizes: Record<string, number[]> = {
    'of no bytes': [],
    'of one part': [999, 1],
    'of a part and a byte': [1000, 1],
    'of many parts, come in one piece': [4321],
  };
  for (const [title, chunks] of Object.entries(sizes)) {
    it(`takes an object ${title} and gives it back`, async () => {
      const total = chunks.reduce((sum, size) => sum + size, 0);
      const key = 'a b/ä+&=(1)/o.backup';
      const written = await open().put(key, bytes(...chunks));
      assert.deepEqual(written, { bytes: total, sha256: sha256Hex(Buffer.alloc(total, 'x')) });
      assert.equal((await buffer(await open().get(key))).length, total);
      assert.equal(double().openUploads(), 0);
    });
  }

  it('lists by prefix, page by page, and forgets what is removed', async () => {
    for (const name of ['p/1', 'p/2', 'p/3', 'p/4&5', 'q/1']) await open().put(name, bytes(3));
    const names = async () => (await open().list('p/')).map(({ key, bytes: size }) => `${key}=${size}`);
    assert.deepEqual(await names(), ['p/1=3', 'p/2=3', 'p/3=3', 'p/4&5=3']);
    await open().remove('p/2');
    await open().remove('p/2');
    assert.equal((await names()).length, 3);
  });

  it('leaves no object and no parts behind where the bytes break off', async () => {
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield* bytes(2500);
      throw new Error('cut off');
    };
    await assert.rejects(open().put('broken', broken()), /cut off/);
    assert.equal(double().objects.has('broken'), false);
    assert.equal(double().openUploads(), 0);
  });

  it('tries again where the service is busy, and not where it refuses', async () => {
    double().fail(2);
    await open().put('later', bytes(1));
    const before = double().requests.length;
    const wrong = open({ credentials: { ...s3Credentials, secretAccessKey: 'other' } });
    await assert.rejects(wrong.put('x', bytes(1)), { name: 'ObjectStoreError', code: 'SignatureDoesNotMatch' });
    assert.equal(double().requests.length, before + 1);
    await assert.rejects(open().get('none'), { code: 'NoSuchKey' });
  });
});
