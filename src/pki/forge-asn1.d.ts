/** The one module of node-forge that is needed, loaded alone: the whole package takes seven times as long. */
declare module 'node-forge/lib/asn1.js' {
  import type forge from 'node-forge';

  const asn1: typeof forge.asn1;
  export default asn1;
}
