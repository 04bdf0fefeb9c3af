import { createServer } from 'node:http';
import { listen } from '@portico/agent';
import express from 'express';

const app = express();
app.get('/hello/:name', (request, response) => {
  response.send(`Hello ${request.params.name}, from Express`);
});

// No port: the app answers what comes through the tunnel, and nothing else.
const tunnel = await listen({ name: 'express-example' });
tunnel.serve(createServer(app));
console.log(`public at ${tunnel.url}`);

process.once('SIGINT', () => void tunnel.close());
