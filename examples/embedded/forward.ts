import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { forward } from '@portico/agent';

const server = createServer((request, response) => response.end(`you asked for ${request.url}`));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const tunnel = await forward(port, { name: 'forward-example', signal: stop.signal });
tunnel.agent.on('state', (state) => console.log(`session ${state.kind}`));
tunnel.agent.on('closed', ({ client, bytesOut }) => console.log(`${client} took ${bytesOut} bytes`));
console.log(`public at ${tunnel.url}`);

await tunnel.ended;
server.close();
