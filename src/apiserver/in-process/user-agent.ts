/**
 * The program that speaks as a user inside the process, as managed fields name it: all controllers are one program
 * upstream, whichever account each of them uses.
 */
export function userAgentOf(userName: string): string {
  if (userName.startsWith('system:serviceaccount:kube-system:')) return 'kube-controller-manager';
  return userName.startsWith('system:kube-') ? userName.slice('system:'.length) : userName;
}
