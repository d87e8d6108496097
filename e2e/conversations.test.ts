/** Conversations whose answers kube-apiserver 1.36 gave to the same questions, held with a tenant. */
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Conversationalist, readAreas } from './conversation.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

const areas = readAreas(join(import.meta.dirname, 'testdata', 'conversations'));

let server: WarrenServer;
let conversationalist: Conversationalist;
before(async () => {
  server = await startWarrenServer();
  conversationalist = new Conversationalist(server.kubeconfig);
});
after(async () => {
  conversationalist[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

for (const area of areas) {
  describe(`the API server, asked about ${area.name},`, () => {
    for (const conversation of area.conversations) {
      it(conversation.it, async () => await conversationalist.hold(conversation));
    }
  });
}
