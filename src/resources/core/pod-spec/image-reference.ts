const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const DOMAIN_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const TAG = '[\\w][\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}';
const REFERENCE = new RegExp(`^(?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*(?::(${TAG}))?(@${DIGEST})?$`);
const MAX_NAME = 255;
const HASH = /^[a-f0-9]{64}$/;

/**
 * Whether an image is the one called `latest`, by tag or for want of tag and digest. A text that is no reference is not.
 *
 * Source: pkg/util/parsers (ParseImageName), github.com/distribution/reference.
 */
export function isLatestImage(image: string): boolean {
  const match = HASH.test(image) ? null : REFERENCE.exec(image);
  if (match === null || (image.split('@')[0] ?? '').replace(/:[^/]*$/, '').length > MAX_NAME) return false;
  const [, tag, digest] = match;
  return tag === undefined ? digest === undefined : tag === 'latest';
}
