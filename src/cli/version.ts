import { KUBERNETES_VERSION, PRODUCT_VERSION } from '../machinery/object/version.ts';

/** What `warren --version` prints: our own version and the Kubernetes version that tenants serve. */
export const WARREN_VERSION = `warren ${PRODUCT_VERSION} (Kubernetes ${KUBERNETES_VERSION})`;
