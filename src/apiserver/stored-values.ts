import { parseExactJson } from '../machinery/codecs/json/exact-numbers.ts';
import { isProtobuf, unwrapUnknown } from '../machinery/codecs/protobuf/envelope.ts';
import { decodeProtobuf } from '../machinery/codecs/protobuf/message-codec.ts';
import type { AnyObject } from '../machinery/object/object.ts';
import { builtinShape, typeNameOf } from '../machinery/schema/builtin.ts';
import { toWire } from '../machinery/schema/to-wire.ts';
import { currentVersionOf, fromOlderForm } from './older-forms.ts';

/** Reads a stored value: JSON, which this server writes, or protobuf, which others do. @throws Error for anything else */
export function decodeStored(value: Buffer): AnyObject {
  if (!isProtobuf(value)) {
    const object = parseExactJson(value.toString('utf8')) as AnyObject;
    object.metadata ??= {};
    return fromOlderForm(object, object.apiVersion ?? '');
  }
  const { apiVersion: storedVersion, kind, raw } = unwrapUnknown(value);
  const apiVersion = currentVersionOf(storedVersion, kind);
  const typeName = typeNameOf(apiVersion, kind);
  if (typeName === undefined) throw new Error(`stored objects of ${apiVersion}, ${kind} cannot be read`);
  const object = toWire({ ...decodeProtobuf(raw, typeName), apiVersion, kind }, builtinShape(typeName));
  return fromOlderForm(object, storedVersion);
}
