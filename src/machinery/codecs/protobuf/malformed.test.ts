import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeWatchEventFrame, unwrapUnknown, wrapUnknown } from './envelope.ts';
import { decodeProtobuf, encodeProtobuf } from './message-codec.ts';
import { ProtobufError } from './reader.ts';

const POD = 'core/v1.Pod';
const bytes = (...numbers: number[]): Buffer => Buffer.from(numbers);
const named = encodeProtobuf({ metadata: { name: 'a' } }, POD);

/** Messages of Go's decoders. Taken from a Go program of upstream's own types. */
const faults: Record<string, readonly [Buffer, string]> = {
  'a number where a message should be': [bytes(0x08, 1), 'proto: wrong wireType = 0 for field ObjectMeta'],
  'a number where a text should be': [bytes(0x0a, 2, 0x08, 5), 'proto: wrong wireType = 0 for field Name'],
  'the end of a group that did not begin': [bytes(0x0c), 'proto: Pod: wiretype end group for non-group'],
  'a field without a number': [bytes(0), 'proto: Pod: illegal tag 0 (wire type 0)'],
  'a wire type that there is not': [bytes(0xa6, 6, 0), 'proto: illegal wireType 6'],
  'a number that is too long': [bytes(0x0a, ...Array(10).fill(0xff), 1), 'proto: integer overflow'],
  'a length below zero': [bytes(0x0a, ...Array(9).fill(0xff), 1), 'proto: negative length found during unmarshaling'],
  'bytes that end too early': [named.subarray(0, 4), 'unexpected EOF'],
  'an unknown field that ends too early': [bytes(0xa2, 6, 9, 1), 'unexpected EOF'],
};

describe('malformed protobuf', () => {
  for (const [what, [message, text]] of Object.entries(faults)) {
    it(`is refused for ${what}`, () => {
      assert.throws(() => decodeProtobuf(message, POD), new ProtobufError(text));
    });
  }

  const envelopes: Record<string, readonly [Buffer, string]> = {
    'nothing at all': [bytes(), 'empty data'],
    'nothing behind the magic': [Buffer.from('k8s\0'), 'empty body'],
    'other bytes': [
      Buffer.from('{"kind":"Pod"}'),
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    ],
    'half of it': [wrapUnknown('v1', 'Pod', named).subarray(0, 20), 'unexpected EOF'],
    'a field of another type': [Buffer.from('k8s\0\x08\x01'), 'proto: wrong wireType = 0 for field TypeMeta'],
  };
  for (const [what, [message, text]] of Object.entries(envelopes)) {
    it(`has no envelope in ${what}`, () => assert.throws(() => unwrapUnknown(message), new ProtobufError(text)));
  }
});

describe('odd but good protobuf', () => {
  it('may have unknown fields of every wire type, groups within groups too', () => {
    const strangers = [
      bytes(0xa0, 6, 1),
      bytes(0xa1, 6, 1, 2, 3, 4, 5, 6, 7, 8),
      bytes(0xa2, 6, 3, 1, 2, 3),
      bytes(0xa3, 6, 0x0b, 0x08, 1, 0x0c, 0xa4, 6),
      bytes(0xa5, 6, 1, 2, 3, 4),
    ];
    const { metadata } = decodeProtobuf(Buffer.concat([...strangers, named, ...strangers]), POD);
    assert.deepEqual(metadata, { name: 'a' });
  });

  it('takes a message that comes in two parts for one, of which the later has the last word', () => {
    const other = encodeProtobuf({ metadata: { namespace: 'b' } }, POD);
    assert.deepEqual(decodeProtobuf(Buffer.concat([named, other]), POD).metadata, { namespace: 'b' });
  });

  it('cuts numbers of 32 bits to size, and reads lists of numbers in one run of bytes', () => {
    const securityContext = bytes(0x22, 4, 1, 2, 0x80, 1);
    const spec = Buffer.concat([bytes(0x72, securityContext.length), securityContext]);
    const hostPort = bytes(0x10, 0x81, 0x80, 0x80, 0x80, 0x10);
    const pod = decodeProtobuf(Buffer.concat([bytes(0x12, spec.length), spec]), POD);
    assert.deepEqual(pod, { spec: { securityContext: { supplementalGroups: [1, 2, 128] } } });
    assert.deepEqual(decodeProtobuf(hostPort, 'core/v1.ContainerPort'), { hostPort: 1 });
  });

  it('keeps names that JavaScript has for itself', () => {
    const data = JSON.parse('{"__proto__":"a","constructor":"b"}') as Record<string, string>;
    const map = decodeProtobuf(encodeProtobuf({ data }, 'core/v1.ConfigMap'), 'core/v1.ConfigMap');
    assert.match(JSON.stringify(map), /"data":\{"__proto__":"a","constructor":"b"\}/);
  });

  it('sorts keys by their bytes', () => {
    const data = { '\u{1f600}': '1', '\uffee': '2', b: '3', a: '4' };
    const { data: back } = decodeProtobuf(
      encodeProtobuf({ data }, 'core/v1.ConfigMap'),
      'core/v1.ConfigMap',
    ) as never as {
      data: object;
    };
    assert.deepEqual(Object.keys(back), ['a', 'b', '\uffee', '\u{1f600}']);
  });

  it('writes the beginning of Go time as nothing', () => {
    const time = (creationTimestamp?: string): Buffer => encodeProtobuf({ metadata: { creationTimestamp } }, POD);
    assert.deepEqual(time('0001-01-01T00:00:00Z'), time());
  });

  it('frames the events of a watch by their length, without an envelope of their own', () => {
    const frame = encodeWatchEventFrame('ADDED', Buffer.from('object'));
    assert.equal(frame.readUInt32BE(0), frame.length - 4);
    assert.equal(frame.subarray(4).toString('latin1'), '\x0a\x05ADDED\x12\x08\x0a\x06object');
  });
});
