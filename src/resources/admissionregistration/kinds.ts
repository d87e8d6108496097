import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { mutatingAdmissionPolicyResource } from './mutating-admission-policy/definition.ts';
import { mutatingAdmissionPolicyBindingResource } from './mutating-admission-policy-binding/definition.ts';
import { mutatingWebhookConfigurationResource } from './mutating-webhook-configuration/definition.ts';
import { validatingAdmissionPolicyResource } from './validating-admission-policy/definition.ts';
import { validatingAdmissionPolicyBindingResource } from './validating-admission-policy-binding/definition.ts';
import { validatingWebhookConfigurationResource } from './validating-webhook-configuration/definition.ts';

export const admissionRegistrationKinds: readonly ResourceDefinition[] = [
  mutatingWebhookConfigurationResource,
  validatingWebhookConfigurationResource,
  validatingAdmissionPolicyResource,
  validatingAdmissionPolicyBindingResource,
  mutatingAdmissionPolicyResource,
  mutatingAdmissionPolicyBindingResource,
];
