import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { fields, flag, reference, strings, text } from './schema-fields.ts';

/** A registry's name as images have it. */
const HOST = '[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?|\\\\[[0-9a-fA-F:]+\\\\](:[0-9]+)?';
const hosts = (which: string) => ({
  rule: `self.all(host, host == '*' || host.matches('^(${HOST})$'))`,
  message: `${which} are named by host and port as in the names of images, such as docker.io or registry.example.com:5000, or by *`,
});
const table = (description: string, values: JSONSchemaProps, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'object',
  description,
  additionalProperties: values,
  ...more,
});

/** From where machines pull images: k3s's `registries.yaml`, without a secret in it. */
export const registries: JSONSchemaProps = fields(
  'From where machines pull images, as in registries.yaml of k3s. Machines are told when they join; one that has joined takes a change up when it asks again.',
  {
    mirrors: table(
      'Other places of registries, by the name that images have (docker.io), or * for all that are not named.',
      fields('A registry.', {
        endpoint: strings(
          'URLs that are tried one after the other, before the registry itself.',
          {
            maxLength: 512,
            'x-kubernetes-validations': [
              {
                rule: "isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != ''",
                message: 'write a URL of http or https, such as https://mirror.example.com:5000',
              },
            ],
          },
          { maxItems: 16, 'x-kubernetes-list-type': 'atomic' },
        ),
        rewrite: table(
          'Names of repositories there: regular expressions, and what comes instead, such as ^rancher/(.*): mirror/rancher/$1.',
          { type: 'string', maxLength: 512 },
          { maxProperties: 32 },
        ),
      }),
      { maxProperties: 64, 'x-kubernetes-validations': [hosts('mirrors')] },
    ),
    configs: table(
      'How registries and mirrors are spoken to, by host and port as in their URLs.',
      fields('A registry.', {
        auth: fields(
          'Its login.',
          {
            secretRef: reference(
              'A Secret of type kubernetes.io/basic-auth, or kubernetes.io/dockerconfigjson with a login for this registry. Machines of the tenant get it.',
            ),
          },
          { required: ['secretRef'] },
        ),
        tls: fields('Its certificate, and that of machines.', {
          ca: text('Authorities that sign it, in PEM. Left empty: those that the machines trust.', {
            maxLength: 65_536,
            pattern: '^\\s*-----BEGIN CERTIFICATE-----\\s[A-Za-z0-9+/=\\s-]+\\s*$',
          }),
          clientCertificateSecretRef: reference(
            'A Secret of type kubernetes.io/tls with the certificate that machines show.',
          ),
          insecureSkipVerify: flag('Takes any certificate.', { default: false }),
        }),
      }),
      { maxProperties: 64, 'x-kubernetes-validations': [hosts('configs')] },
    ),
  },
);
