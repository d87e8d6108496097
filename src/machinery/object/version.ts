/** Version of this program; `hack/verify.ts` keeps it equal to package.json's. */
export const PRODUCT_VERSION = '0.1.0';

/** What `/version` tells: the Kubernetes release whose API is served, and who serves it. */
export const KUBERNETES_VERSION = 'v1.36.2+warren1';

/** The k3s release for machines that join: no newer than the server, by Kubernetes' rule on version skew. */
export const K3S_AGENT_VERSION = 'v1.36.2+k3s1';
