import { listen } from '@portico/agent';
import fastify from 'fastify';

const app = fastify();
app.get('/hello/:name', async (request) => {
  const { name } = request.params as { name: string };
  return { hello: name, from: 'Fastify' };
});

await app.ready();
const tunnel = await listen({ name: 'fastify-example' });
tunnel.serve(app.server);
console.log(`public at ${tunnel.url}`);

process.once('SIGINT', () => void tunnel.close().then(() => app.close()));
