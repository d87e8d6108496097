import type { Answer, Call, WireAnswer } from '../call.ts';

export async function render(_call: Call, answer: Answer): Promise<WireAnswer> {
  if (answer.kind === 'bytes' || answer.kind === 'stream' || answer.kind === 'taken') return answer;
  throw new Error('render');
}
