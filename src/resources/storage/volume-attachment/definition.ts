import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from '../../../generated/api/storage/v1.ts';
import { volumeattachments } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkCsiDriverName, checkDnsSubdomain } from '../../checks/names.ts';
import { isSameStruct } from '../../checks/same.ts';
import { keepMetadata } from '../../checks/status-metadata.ts';
import { defaultVolumeSources } from '../../core/persistent-volume/definition.ts';
import { checkVolumeSpec } from '../../core/persistent-volume/validation.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';

/** Source of all: storage/validation (ValidateVolumeAttachment, …Update). */

const MAX_METADATA_BYTES = 256 * 1024;
const MAX_MESSAGE_BYTES = 1024;
const SPEC_TYPE = 'storage/v1.VolumeAttachmentSpec';

function check({ spec, status }: VolumeAttachment, faults: FieldFaults): void {
  const source = spec.source ?? {};
  checkCsiDriverName('spec.attacher', spec.attacher, faults);
  checkSource(source, 'spec.source', faults);
  checkDnsSubdomain('spec.nodeName', spec.nodeName ?? '', faults);
  let bytes = 0;
  for (const [key, value] of Object.entries(status?.attachmentMetadata ?? {}))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value ?? '');
  if (bytes > MAX_METADATA_BYTES) faults.tooLong('status.attachmentMetadata', MAX_METADATA_BYTES);
  checkError(status?.attachError, 'status.attachError', faults);
  checkError(status?.detachError, 'status.detachError', faults);
  const { persistentVolumeName: name } = source;
  if (name !== undefined) checkDnsSubdomain('spec.source.persistentVolumeName', name, faults);
}

function checkSource(source: VolumeAttachmentSource, path: string, faults: FieldFaults): void {
  const { inlineVolumeSpec: inline, persistentVolumeName: name } = source;
  const why = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inline === undefined && name === undefined) faults.required(path, why);
  else if (inline !== undefined && name !== undefined) faults.forbidden(path, why);
  else if (name === '') faults.required(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName');
  else if (inline !== undefined) checkVolumeSpec(inline, '', { isInline: true }, `${path}.inlineVolumeSpec`, faults);
}

function checkError(error: VolumeError | undefined, path: string, faults: FieldFaults): void {
  if (error === undefined) return;
  // The limit that upstream tells is not the one that it keeps.
  if (Buffer.byteLength(error.message ?? '') > MAX_MESSAGE_BYTES) faults.tooLong(`${path}.message`, MAX_METADATA_BYTES);
  if (error.errorCode !== undefined && error.errorCode < 0)
    faults.invalid(`${path}.errorCode`, error.errorCode, 'must be between 0 and 2147483647, inclusive');
}

function validate(object: VolumeAttachment): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, faults);
  return faults.list;
}

function validateUpdate(next: VolumeAttachment, previous: VolumeAttachment): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  if (!isSameStruct(next.spec, previous.spec, SPEC_TYPE))
    faults.invalid('spec', toGoView(next.spec, SPEC_TYPE), 'field is immutable');
  return faults.list;
}

export const volumeAttachmentResource = defineResource(volumeattachments, {
  allowUnconditionalUpdate: false,
  cells: {
    Attacher: ({ spec }) => spec.attacher ?? '',
    PV: ({ spec }) => spec.source?.persistentVolumeName ?? '',
    Node: ({ spec }) => spec.nodeName ?? '',
    Attached: ({ status }) => status?.attached ?? false,
  },
  strategy: specAndStatus<VolumeAttachment>({
    applyDefaults({ spec }) {
      const inline = spec.source?.inlineVolumeSpec;
      if (inline) defaultVolumeSources(inline);
    },
    validateCreate: validate,
    validateUpdate,
    prepareForStatusUpdate: keepMetadata,
    validateStatusUpdate: validateUpdate,
  }),
});
