import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeFrame, encodeFrame, FrameError, FrameType, readConnectionIds } from './frames.ts';

const none = Buffer.alloc(0);
const frame = (
  id: bigint,
  connectionId: bigint,
  type: number,
  deadlineMs: bigint,
  payload: Buffer | string = none,
) => ({
  id,
  connectionId,
  type,
  deadlineMs,
  payload: Buffer.from(payload),
});

/** Computed by the rules of Go's `binary.PutVarint`. */
const vectors: Record<string, [ReturnType<typeof frame>, hex: string]> = {
  'a connect with its deadline': [
    frame(1001n, 2n, FrameType.connect, 15000n, 'tcp/127.0.0.1:10250'),
    'd20f0404b0ea017463702f3132372e302e302e313a3130323530',
  ],
  'data without a deadline': [frame(1002n, 2n, FrameType.data, 0n, 'hi'), 'd40f0402006869'],
  'data with a deadline': [frame(1002n, 2n, FrameType.data, 15000n, 'hi'), 'd40f0402b0ea016869'],
  'an error': [frame(1003n, 2n, FrameType.error, 0n, 'EOF'), 'd60f0406454f46'],
  'a pause': [frame(1004n, 2n, FrameType.pause, 0n), 'd80f040c'],
  'a resume': [frame(1005n, 2n, FrameType.resume, 0n), 'da0f040e'],
  'the largest id': [frame(2n ** 63n - 1n, 0n, FrameType.pause, 0n), 'feffffffffffffffff01000c'],
};

describe('frames', () => {
  for (const [title, [value, hex]] of Object.entries(vectors)) {
    it(`write and read ${title}`, () => {
      assert.equal(encodeFrame(value).toString('hex'), hex);
      assert.deepEqual(decodeFrame(Buffer.from(hex, 'hex')), value);
    });
  }

  it('read the list of connections', () => {
    const { payload } = decodeFrame(Buffer.from('dc0f001002000000000000000300000000000000', 'hex'));
    assert.deepEqual([...readConnectionIds(payload)], [2n, 3n]);
  });

  it('refuse what ends too early', () => {
    assert.throws(() => decodeFrame(Buffer.from('d2', 'hex')), FrameError);
  });
});
