import type { MediaType, Negotiated } from '../../machinery/codecs/negotiate.ts';
import { wrapUnknown } from '../../machinery/codecs/protobuf/envelope.ts';
import { encodeProtobuf } from '../../machinery/codecs/protobuf/message-codec.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { typeNameOf } from '../../machinery/schema/builtin.ts';
import { toYaml } from './yaml-text.ts';

export const contentTypes: Readonly<Record<MediaType, string>> = {
  'application/json': 'application/json',
  'application/yaml': 'application/yaml',
  'application/vnd.kubernetes.protobuf': 'application/vnd.kubernetes.protobuf',
};

const LINE_BREAK = Buffer.from('\n');

/** An object in the form that was negotiated; finished bytes are used where they fit. */
export function encodeObject(
  item: { readonly object: AnyObject; readonly json?: Buffer | undefined },
  form: Negotiated,
): Buffer | readonly Buffer[] {
  switch (form.mediaType) {
    case 'application/vnd.kubernetes.protobuf':
      return toProtobuf(item);
    case 'application/yaml':
      return Buffer.from(toYaml(item.object));
    default:
      if (form.pretty) return Buffer.from(JSON.stringify(item.object, undefined, 2));
      return item.json === undefined ? Buffer.from(`${JSON.stringify(item.object)}\n`) : [item.json, LINE_BREAK];
  }
}

/** Items that keep further encodings of themselves. */
interface Encodable {
  readonly object: AnyObject;
  readonly encodings?: Map<string, Buffer>;
}

const PROTOBUF = 'protobuf';

/** The protobuf envelope of an object, made once for stored ones. */
export function toProtobuf(item: Encodable): Buffer {
  const known = item.encodings?.get(PROTOBUF);
  if (known !== undefined) return known;
  const { apiVersion = '', kind = '' } = item.object;
  const bytes = wrapUnknown(apiVersion, kind, encodeProtobuf(item.object, protobufTypeOf(apiVersion, kind)));
  item.encodings?.set(PROTOBUF, bytes);
  return bytes;
}

/** Kinds of answers that stand in no group's table. */
const metaTypes: Readonly<Record<string, string>> = {
  Status: 'meta/v1.Status',
  Table: 'meta/v1.Table',
  PartialObjectMetadata: 'meta/v1.PartialObjectMetadata',
  PartialObjectMetadataList: 'meta/v1.PartialObjectMetadataList',
  APIVersions: 'meta/v1.APIVersions',
  APIGroupList: 'meta/v1.APIGroupList',
  APIGroup: 'meta/v1.APIGroup',
  APIResourceList: 'meta/v1.APIResourceList',
};

export function protobufTypeOf(apiVersion: string, kind: string): string {
  // The oldest documents of discovery have a kind and no version.
  const isMeta = apiVersion === '' || apiVersion === 'v1' || apiVersion.startsWith('meta.k8s.io/');
  const meta = isMeta ? metaTypes[kind] : undefined;
  const typeName = meta ?? typeNameOf(apiVersion, kind);
  if (typeName === undefined) throw new Error(`${apiVersion}, ${kind} has no protobuf form`);
  return typeName;
}
