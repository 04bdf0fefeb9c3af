/**
 * The welcome tunnel: a built-in page on a loopback port, and a real agent that gives it the address
 * `https://welcome.<base>`. A process of its own, so that the platform has one agent from the first moment.
 */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { collectBuffersYoung, connectAgent } from '@portico/agent';
import { ConfigError, createLogger, readText, runProcess } from '@portico/service';
import { welcomePage } from './page.ts';

const log = createLogger({ name: 'welcome' });

await runProcess(log, async () => {
  const required = (variable: string): string => {
    const value = readText(process.env, variable, '');
    if (value === '') throw new ConfigError(variable, '', 'a value; the platform sets it');
    return value;
  };
  const page = createServer((request, response) => {
    const body = welcomePage({ host: (request.headers.host ?? '').replace(/:\d+$/, '') });
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve, reject) => {
    page.once('error', reject);
    page.listen(0, '127.0.0.1', resolve);
  });
  const { port } = page.address() as AddressInfo;
  collectBuffersYoung();
  const agent = connectAgent({
    connectUrl: required('PORTICO_CONNECT_URL'),
    ca: readFileSync(required('PORTICO_CA_FILE'), 'utf8'),
    authtoken: required('PORTICO_AUTHTOKEN'),
    metadata: 'built-in welcome page',
    version: productVersion(),
    clientType: 'portico-welcome',
  });
  const endpoint = await agent.forward({
    proto: 'http',
    subdomain: 'welcome',
    name: 'welcome',
    upstream: `http://127.0.0.1:${port}`,
  });
  log.info({ url: endpoint.url }, 'welcome tunnel online');
  return {
    ports: { page: port },
    close: async () => {
      await agent.close();
      page.closeAllConnections();
      await new Promise((resolve) => page.close(resolve));
    },
  };
});

/** The product has one version, the root package's. */
function productVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '../../../../package.json'), 'utf8');
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? '0.0.0';
}
