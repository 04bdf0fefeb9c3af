/**
 * Starts the built dashboard in this process. Reports `{kind: 'ready', port, ports}` over the IPC channel if there is one,
 * `{kind: 'failed', message}` when it cannot start; ends with 0 after SIGTERM, SIGINT or the loss of its parent.
 *
 * | variable | default | |
 * |---|---|---|
 * | `PORTICO_DASHBOARD_PORT` | 4020 | 0 = any free port |
 * | `PORTICO_DASHBOARD_BIND` | 127.0.0.1 | another address only where a container needs it |
 * | `PORTICO_TRUSTED_PROXIES` | – | CIDRs whose `X-Forwarded-*` are believed, besides loopback |
 * | `PORTICO_INTERNAL_URL`, `PORTICO_NODE_CREDENTIAL_FILE` | | see `src/lib/server/settings.ts` |
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';

const app = join(import.meta.dirname, '.next/standalone/apps/dashboard');
/** Open requests may finish; live streams never would, so they are cut after this. */
const drainMs = 1000;

let server = null;
let stopping = false;
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('disconnect', stop);

try {
  await start();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`dashboard: ${message}\n`);
  if (process.send) process.send({ kind: 'failed', message }, () => process.exit(1));
  else process.exit(1);
}

async function start() {
  const port = readPort(process.env.PORTICO_DASHBOARD_PORT);
  const bind = process.env.PORTICO_DASHBOARD_BIND ?? '127.0.0.1';
  const trusted = readTrusted(process.env.PORTICO_TRUSTED_PROXIES);
  checkInternalUrl(process.env.PORTICO_INTERNAL_URL);
  if (!process.env.PORTICO_NODE_CREDENTIAL_FILE)
    throw new Error('PORTICO_NODE_CREDENTIAL_FILE is not set; it names the file with the credential of this dashboard');
  if (!existsSync(join(app, 'server.js')) || !existsSync(join(app, '.next/static')))
    throw new Error('the dashboard is not built; run: node apps/dashboard/scripts/build.mjs');

  process.env.NODE_ENV = 'production';
  process.env.NEXT_TELEMETRY_DISABLED = '1';
  process.chdir(app);
  const { config } = JSON.parse(readFileSync(join(app, '.next/required-server-files.json'), 'utf8'));
  process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify(config);

  // The steps of Next's own server.js, with a server that is ours: it has bounds, takes port 0, and can be closed while
  // live streams are open.
  const require = createRequire(join(app, 'server.js'));
  require('next');
  const { getRequestHandlers } = require('next/dist/server/lib/start-server');

  // Requests that come before Next is ready wait for it.
  const handler = Promise.withResolvers();
  server = createServer(
    { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      nameClient(request, trusted);
      handler.promise
        .then((handle) => handle(request, response))
        .catch((error) => {
          console.error(error);
          if (!response.headersSent) response.statusCode = 500;
          response.end();
        });
    },
  );
  server.maxConnections = 4096;
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, bind, resolve);
  });
  const { port: actualPort } = server.address();
  process.env.PORT = String(actualPort);
  process.env.__NEXT_PRIVATE_ORIGIN = `http://${bind}:${actualPort}`;
  const { requestHandler } = await getRequestHandlers({
    dir: app,
    port: actualPort,
    isDev: false,
    server,
    hostname: bind,
    quiet: true,
  });
  handler.resolve(requestHandler);
  if (stopping) return;
  process.stdout.write(`${JSON.stringify({ msg: 'ready', name: 'dashboard', ports: { dashboard: actualPort } })}\n`);
  process.send?.({ kind: 'ready', port: actualPort, ports: { dashboard: actualPort } });
}

function stop() {
  if (stopping) {
    // Asked twice: at once, then.
    server?.closeAllConnections();
    return;
  }
  stopping = true;
  if (!server) process.exit(0);
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), drainMs).unref();
}

/** `X-Forwarded-For` becomes the one address that is known: of the peer, or the last one that a trusted peer names. */
function nameClient(request, trusted) {
  const peer = plainAddress(request.socket.remoteAddress ?? '');
  const isTrusted = isIP(peer) !== 0 && trusted.check(peer, isIP(peer) === 6 ? 'ipv6' : 'ipv4');
  const named = plainAddress(
    String(request.headers['x-forwarded-for'] ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? '',
  );
  request.headers['x-forwarded-for'] = isTrusted && isIP(named) !== 0 ? named : peer;
  const isHttps = isTrusted && request.headers['x-forwarded-proto'] === 'https';
  request.headers['x-forwarded-proto'] = isHttps ? 'https' : 'http';
  for (const name of ['x-forwarded-host', 'x-forwarded-port', 'forwarded', 'x-real-ip']) delete request.headers[name];
}

function plainAddress(address) {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function readPort(text = '4020') {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new Error(`PORTICO_DASHBOARD_PORT is "${text}"; accepted is a number from 0 to 65535`);
  return port;
}

/** Asked of `src/lib/server/settings.ts` at each request; said here so that a wrong one stops the start. */
function checkInternalUrl(text = 'http://127.0.0.1:4011') {
  if (!URL.canParse(text) || !['http:', 'https:'].includes(new URL(text).protocol))
    throw new Error(
      `PORTICO_INTERNAL_URL is "${text}"; accepted is an http or https URL such as http://127.0.0.1:4011`,
    );
}

function readTrusted(text = '') {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
  for (const entry of text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const width = family === 'ipv6' ? 128 : 32;
    const prefix = bits === undefined ? width : Number(bits);
    if (isIP(address) === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > width)
      throw new Error(
        `PORTICO_TRUSTED_PROXIES holds "${entry}"; accepted are addresses and CIDRs, separated by commas`,
      );
    list.addSubnet(address, prefix, family);
  }
  return list;
}
