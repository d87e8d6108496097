import type { Ingress } from '../../../generated/api/networking/v1.ts';
import { ingressclasses } from '../../../generated/resource-types.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionPlugin, concerns } from '../admission.ts';
import { newestDefault } from './newest-default.ts';

/** Gives ingresses without a class the default one. Source: `plugin/pkg/admission/network/defaultingressclass`. */
export function defaultIngressClass(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    operations: ['CREATE'],
    async mutate(attempt) {
      if (!concerns(attempt, 'networking.k8s.io', 'ingresses')) return;
      const ingress = attempt.object as unknown as Ingress;
      if (ingress.spec === undefined || ingress.spec.ingressClassName !== undefined) return;
      if (ingress.metadata?.annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
      const classes = await deps.reader.list(ingressclasses);
      const found = newestDefault(classes, ['ingressclass.kubernetes.io/is-default-class']);
      if (found !== undefined) ingress.spec.ingressClassName = found;
    },
  };
}
