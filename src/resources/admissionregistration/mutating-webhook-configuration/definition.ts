import { mutatingwebhookconfigurations } from '../../../generated/resource-types.ts';
import { defineResource } from '../../define.ts';
import { policyExpressions } from '../policy-expressions.ts';
import { reservedNameWarnings } from '../reserved-names.ts';
import { defaultWebhooks, validateWebhooks, validateWebhooksUpdate } from '../webhooks.ts';

export const mutatingWebhookConfigurationResource = defineResource(mutatingwebhookconfigurations, {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  cells: { Webhooks: ({ webhooks }) => (webhooks ?? []).length },
  strategy: {
    load: () => policyExpressions.load(),
    applyDefaults({ webhooks }) {
      defaultWebhooks(webhooks);
      for (const webhook of webhooks ?? []) webhook.reinvocationPolicy ??= 'Never';
    },
    validateCreate: ({ webhooks }) => validateWebhooks(webhooks),
    validateUpdate: (next, previous) => validateWebhooksUpdate(next.webhooks, previous.webhooks),
    warningsOnCreate: reservedNameWarnings,
    warningsOnUpdate: reservedNameWarnings,
  },
});
