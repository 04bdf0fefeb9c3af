import { connect } from 'node:tls';
import { makeCertificate } from '@portico/api/testing/certificates';
import { DnsServer } from '@portico/api/testing/dns-server';
import { freePort, Pebble } from '@portico/api/testing/pebble';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DevEnv, startDevEnv } from './dev-env.ts';
import { callApi, openUpstream, visit } from './testing/visit.ts';

let dns: DnsServer;
let pebble: Pebble | null = null;
let env: DevEnv;
let upstream: Awaited<ReturnType<typeof openUpstream>>;

if (!Pebble.isInstalled) console.warn('certificates by ACME at an edge are not tested: pebble is not installed');

beforeAll(async () => {
  dns = await DnsServer.open();
  const ports = { http: await freePort(), tls: await freePort() };
  pebble = Pebble.isInstalled ? await Pebble.start({ dnsServer: dns.address, ports }) : null;
  const caFile = pebble === null ? null : await pebble.writeCa();
  env = await startDevEnv({
    settings: {
      PORTICO_DNS_SERVERS: dns.address,
      PORTICO_HTTP_PORT: String(ports.http),
      PORTICO_HTTPS_PORT: String(ports.tls),
      ...(pebble === null || caFile === null
        ? {}
        : { PORTICO_ACME_DIRECTORY: pebble.directoryUrl, PORTICO_ACME_CA_FILE: caFile }),
    },
    apiLimits: { sweepMs: 200 },
  });
  upstream = await openUpstream('behind my own name');
}, 60_000);
afterAll(async () => {
  await env?.close();
  await upstream?.close();
  await pebble?.stop();
  await dns?.close();
});

/** A name of the first account whose DNS is right. */
async function own(domain: string, body: object = {}): Promise<string> {
  const made = await callApi(env, 'POST', '/reserved_domains', { domain, ...body });
  dns.set('CNAME', domain, String(made.cname_target));
  dns.set('A', String(made.cname_target), '127.0.0.1');
  const checked = await callApi(env, 'POST', `/reserved_domains/${made.id}/check`);
  expect(Object(checked.dns_status).proven_at).not.toBeNull();
  return String(made.id);
}

const forward = (host: string) =>
  env.agent().forward({ proto: 'http', url: `https://${host}`, upstream: upstream.address });

describe('a domain of one’s own', () => {
  it('is served through the edge under a leaf of our CA, and under the owner’s certificate once it is attached', async () => {
    const host = 'www.portico-own.com';
    const id = await own(host);
    await callApi(env, 'DELETE', `/reserved_domains/${id}/certificate_management_policy`);
    await forward(host);
    const first = await visit(env, host);
    expect([first.status, first.text, first.certificate.subjectaltname]).toEqual([
      200,
      'behind my own name',
      `DNS:${host}`,
    ]);
    const { chain, key, root } = await makeCertificate(host, ['portico-own.com']);
    const certificate = await callApi(env, 'POST', '/tls_certificates', {
      certificate_pem: chain,
      private_key_pem: key,
    });
    await callApi(env, 'PATCH', `/reserved_domains/${id}`, { certificate_id: certificate.id });
    await vi.waitFor(async () => expect((await visit(env, host, { ca: root })).status).toBe(200), 5_000);
    await callApi(env, 'DELETE', `/reserved_domains/${id}/certificate`);
    await vi.waitFor(async () => expect((await visit(env, host)).status).toBe(200), 5_000);
  });

  it('stops being served within seconds when it is given up', async () => {
    const host = 'gone.portico-own.com';
    const id = await own(host);
    await forward(host);
    expect((await visit(env, host)).status).toBe(200);
    const began = performance.now();
    await callApi(env, 'DELETE', `/reserved_domains/${id}`);
    await vi.waitFor(async () => {
      const end = await visit(env, host).then(
        ({ status }) => status,
        () => 'no TLS',
      );
      expect(end).not.toBe(200);
    }, 5_000);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('cannot be bound before DNS says whose it is', async () => {
    await callApi(env, 'POST', '/reserved_domains', { domain: 'unproven.portico-own.com' });
    await expect(forward('unproven.portico-own.com')).rejects.toThrow('DNS does not say yet');
  });
});

describe.skipIf(!Pebble.isInstalled)('an authority that asks the edge itself', () => {
  it('gets its answer on the plain port, and visitors the certificate, at once and without a break', async () => {
    const host = 'acme.portico-own.com';
    await forward('unrelated.portico.localhost');
    const id = await own(host);
    await forward(host);
    await vi.waitFor(async () => {
      const shown = await callApi(env, 'GET', `/reserved_domains/${id}`);
      expect([shown.certificate, shown.certificate_management_status]).not.toEqual([null, expect.anything()]);
    }, 20_000);
    await vi.waitFor(async () => {
      const answer = await visit(env, host, { ca: `${env.ca}${await pebble?.roots()}` });
      expect([answer.status, answer.certificate.issuer.CN]).toEqual([200, expect.stringContaining('Pebble')]);
    }, 10_000);
  }, 60_000);

  it('gets nothing where no order is under way, by token or by handshake', async () => {
    const answer = await fetch(`http://127.0.0.1:${env.http.port}/.well-known/acme-challenge/abc`, {
      headers: { host: 'acme.portico-own.com' },
    });
    expect(answer.status).toBe(404);
    const refused = await new Promise<string>((resolve) => {
      const socket = connect({
        host: '127.0.0.1',
        port: env.https.port,
        servername: 'acme.portico-own.com',
        ALPNProtocols: ['acme-tls/1'],
        rejectUnauthorized: false,
      });
      socket.on('secureConnect', () => resolve('served'));
      socket.on('error', (error) => resolve(error.message));
    });
    expect(refused).toMatch(/unrecognized/);
  });
});
