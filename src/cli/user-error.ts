/** A fault that the user can mend: told in one line, without a stack. Say what, where and what to do. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
