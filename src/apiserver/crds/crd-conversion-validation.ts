import type { CustomResourceConversion } from '../../generated/api/apiextensions/v1.ts';
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import { dns1035LabelFaults } from '../../machinery/values/names.ts';
import { FieldFaults } from '../../resources/checks/field-faults.ts';
import { checkWebhookService, checkWebhookUrl } from '../../resources/checks/webhook-clients.ts';

const knownReviews = ['v1', 'v1beta1'];

export interface ConversionCheck {
  /** Whether one of the review versions must be one that this server speaks. */
  readonly requiresKnownReview: boolean;
  readonly allowsInvalidCaBundle: boolean;
}

/** Source: apiextensions-apiserver `validation.go` (validateCustomResourceConversion). */
export function validateConversion(
  conversion: CustomResourceConversion | undefined,
  check: ConversionCheck,
): readonly FieldError[] {
  if (conversion === undefined) return [];
  const path = 'spec.conversion';
  const { strategy, webhook } = conversion;
  const found = [...oneOf(`${path}.strategy`, strategy, ['None', 'Webhook'])];
  const config = webhook?.clientConfig;
  const reviews = webhook?.conversionReviewVersions ?? [];
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (config !== undefined) found.push(fieldForbidden(`${path}.webhookClientConfig`, why));
    if (reviews.length > 0) found.push(fieldForbidden(`${path}.conversionReviewVersions`, why));
    return found;
  }
  const place = `${path}.webhookClientConfig`;
  if (config === undefined) found.push(fieldRequired(place, 'required when strategy is set to Webhook'));
  else {
    const faults = new FieldFaults();
    if ((config.url === undefined) === (config.service === undefined)) {
      faults.required(place, 'exactly one of url or service is required');
    } else if (config.url !== undefined) checkWebhookUrl(`${place}.url`, config.url, faults);
    else if (config.service !== undefined) checkWebhookService(`${place}.service`, config.service, faults);
    found.push(...faults.list);
    if (config.caBundle && !check.allowsInvalidCaBundle && !isCaBundle(config.caBundle)) {
      const why = 'unable to load root certificates: unable to parse bytes as PEM block';
      found.push(fieldInvalid(`${place}.caBundle`, config.caBundle, why));
    }
  }
  return [...found, ...validateReviews(reviews, check.requiresKnownReview, `${path}.conversionReviewVersions`)];
}

/** Whether base64 text holds certificates. */
export function isCaBundle(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString('latin1').includes('-----BEGIN CERTIFICATE-----');
}

/** Whether versions, if there are any, include one that this server speaks. */
export function speaksReview(reviews: readonly string[]): boolean {
  return reviews.length === 0 || reviews.some((version) => knownReviews.includes(version));
}

function validateReviews(reviews: readonly string[], requiresKnown: boolean, path: string): readonly FieldError[] {
  if (reviews.length === 0) return [fieldRequired(path, '')];
  const found: FieldError[] = [];
  for (const [index, version] of reviews.entries()) {
    const place = `${path}[${index}]`;
    if (reviews.indexOf(version) < index) found.push(fieldInvalid(place, version, 'duplicate version'));
    else found.push(...dns1035LabelFaults(version).map((text) => fieldInvalid(place, version, text)));
  }
  if (requiresKnown && !speaksReview(reviews)) {
    found.push(fieldInvalid(path, reviews, `must include at least one of ${knownReviews.join(', ')}`));
  }
  return found;
}

/** A value of a closed list, which must be there. */
export function oneOf(path: string, value: string | undefined, accepted: readonly string[]): readonly FieldError[] {
  if (!value) return [fieldRequired(path, '')];
  return accepted.includes(value) ? [] : [fieldNotSupported(path, value, accepted)];
}
