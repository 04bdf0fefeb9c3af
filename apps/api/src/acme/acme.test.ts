import { X509Certificate } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createSecureContext, createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { domainsToCertify } from '@portico/db';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DnsServer } from '../testing/dns-server.ts';
import { freePort, Pebble } from '../testing/pebble.ts';
import { type TestAccount, TestApi } from '../testing/test-api.ts';

const DAY_MS = 86_400_000;

if (!Pebble.isInstalled)
  console.warn('certificates by ACME are not tested: pebble is not installed (apt-get install pebble)');

describe.skipIf(!Pebble.isInstalled)('certificates from an authority that speaks ACME', () => {
  let dns: DnsServer;
  let pebble: Pebble;
  let test: TestApi;
  let http: Server;
  let tls: TlsServer;
  /** Whether the servers below answer as an edge does, or as if it were away. */
  let isUp = true;
  let lookedFor = 0;

  beforeAll(async () => {
    dns = await DnsServer.open();
    const ports = { http: await freePort(), tls: await freePort() };
    pebble = await Pebble.start({ dnsServer: dns.address, ports });
    const dnsPort = await freePort();
    test = await TestApi.start({
      config: {
        dnsServers: [dns.address],
        acme: {
          directoryUrl: pebble.directoryUrl,
          email: 'operator@portico.test',
          externalAccount: null,
          caPem: pebble.caPem,
          challenges: ['http-01', 'tls-alpn-01', 'dns-01'],
          dns: { address: '127.0.0.1', port: dnsPort },
        },
      },
      limits: { sweepMs: 50 },
    });
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${dnsPort}`]);
    dns.forward = async (name) => (await resolver.resolveTxt(name).catch(() => [])).map((parts) => parts.join(''));
    // What an edge answers, with the API's word for it.
    http = createHttpServer(async (request, response) => {
      const host = String(request.headers.host).replace(/:\d+$/, '');
      const token = /^\/\.well-known\/acme-challenge\/(.+)$/.exec(request.url ?? '')?.[1] ?? '';
      lookedFor += 1;
      const asked = test.edge.challenge({ nodeId: 'edge-1', kind: 'http-01', host, token });
      const { answer } = await asked.catch(() => ({ answer: null }));
      if (answer === null || !isUp || host.startsWith('alpn.')) response.writeHead(404).end();
      else response.end(answer);
    });
    await new Promise<void>((resolve) => http.listen(ports.http, '127.0.0.1', resolve));
    tls = createTlsServer({
      ALPNProtocols: ['acme-tls/1'],
      SNICallback: (host, done) => {
        const asked = test.edge.challenge({ nodeId: 'edge-1', kind: 'tls-alpn-01', host });
        void asked
          .catch(() => ({ answer: null }))
          .then(({ answer }) => {
            if (answer === null || !isUp) done(new Error('nothing is under way'));
            else done(null, createSecureContext({ cert: answer, key: answer }));
          });
      },
    });
    await new Promise<void>((resolve) => tls.listen(ports.tls, '127.0.0.1', resolve));
    tls.on('tlsClientError', () => {});
  }, 30_000);

  afterAll(async () => {
    await test?.close();
    http?.closeAllConnections();
    http?.close();
    tls?.close();
    await pebble?.stop();
    await dns?.close();
  });

  const show = async (account: TestAccount, id: string): Promise<Record<string, unknown>> =>
    (await test.call('GET', `/reserved_domains/${id}`, { key: account.apiKey })).body;

  /** A proven domain that wants a certificate. */
  async function domain(
    name: string,
    body: object = {},
    { delegated = true } = {},
  ): Promise<{ account: TestAccount; id: string }> {
    const account = await test.newAccount();
    const made = await test.call('POST', '/reserved_domains', { key: account.apiKey, body: { domain: name, ...body } });
    expect([made.status, made.text]).toEqual([201, made.text]);
    dns.set('CNAME', name, String(made.body.cname_target));
    const delegation = String(made.body.acme_challenge_cname_target);
    if (delegated) dns.set('CNAME', `_acme-challenge.${name.replace(/^\*\./, '')}`, delegation);
    dns.set('A', String(made.body.cname_target), '127.0.0.1');
    const id = String(made.body.id);
    await test.call('POST', `/reserved_domains/${id}/check`, { key: account.apiKey });
    return { account, id };
  }

  async function certificateOf({ account, id }: { account: TestAccount; id: string }) {
    let pem = '';
    await vi.waitFor(async () => {
      const shown = await show(account, id);
      expect([shown.certificate, shown.certificate_management_status]).not.toEqual([null, expect.anything()]);
      const found = await test.call('GET', `/tls_certificates/${Object(shown.certificate).id}`, {
        key: account.apiKey,
      });
      pem = String(found.body.certificate_pem);
      expect(found.body.issued_at).not.toBeNull();
    }, 15_000);
    return new X509Certificate(pem);
  }

  it('come by http-01 for a proven domain, without being asked for', async () => {
    const made = await domain('www.acme-test.com');
    const certificate = await certificateOf(made);
    expect(certificate.subjectAltName).toBe('DNS:www.acme-test.com');
    expect(certificate.publicKey.asymmetricKeyType).toBe('ec');
    expect(certificate.issuer).toContain('Pebble');
    const shown = await show(made.account, made.id);
    expect(shown.certificate_management_policy).toEqual({ authority: 'letsencrypt', private_key_type: 'ecdsa' });
    const { renews_at: renewsAt, provisioning_job: job } = Object(shown.certificate_management_status);
    expect(job).toBeNull();
    const life = certificate.validToDate.getTime() - certificate.validFromDate.getTime();
    expect(Date.parse(renewsAt)).toBeCloseTo(certificate.validFromDate.getTime() + (life * 2) / 3, -4);
  }, 30_000);

  it('come by tls-alpn-01 where http-01 does not work', async () => {
    const made = await domain('alpn.acme-test.com', {}, { delegated: false });
    const certificate = await certificateOf(made);
    expect(certificate.subjectAltName).toBe('DNS:alpn.acme-test.com');
  }, 30_000);

  it('come by dns-01 for a wildcard, by the delegated name', async () => {
    const certificate = await certificateOf(await domain('*.wild.acme-test.com'));
    expect(certificate.subjectAltName).toBe('DNS:*.wild.acme-test.com');
  }, 30_000);

  it.skipIf(process.env.PORTICO_LONG !== '1')(
    'have the kind of key that was asked for, and end with the policy',
    async () => {
      const made = await domain('rsa.acme-test.com', { certificate_management_policy: { private_key_type: 'rsa' } });
      const certificate = await certificateOf(made);
      expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(4096);
      const path = `/reserved_domains/${made.id}/certificate_management_policy`;
      expect((await test.call('DELETE', path, { key: made.account.apiKey })).status).toBe(204);
      const shown = await show(made.account, made.id);
      expect([shown.certificate_management_policy, shown.certificate_management_status]).toEqual([null, null]);
      expect(shown.certificate).not.toBeNull();
    },
    60_000,
  );

  it('say why they do not come, are tried again later each time, and come when the reason has gone', async () => {
    isUp = false;
    const made = await domain('late.acme-test.com', {}, { delegated: false });
    const job = async () => Object((await show(made.account, made.id)).certificate_management_status).provisioning_job;
    await vi.waitFor(async () => expect((await job())?.error_code).toMatch(/^(DNS_ERROR|CHALLENGE_FAILED)$/), 15_000);
    const first = await job();
    expect(first.msg.length).toBeGreaterThan(10);
    const waitMs = Date.parse(first.retries_at) - test.now().getTime();
    expect(waitMs).toBeGreaterThan(30_000);
    const before = lookedFor;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(lookedFor).toBe(before);
    test.advance(waitMs + 1_000);
    await vi.waitFor(async () => {
      const again = await job();
      expect(Date.parse(again.retries_at) - test.now().getTime()).toBeGreaterThan(waitMs * 1.5);
    }, 15_000);
    isUp = true;
    test.advance(10 * 60_000);
    expect((await certificateOf(made)).subjectAltName).toBe('DNS:late.acme-test.com');
    expect(await job()).toBeNull();
  }, 60_000);

  it('are renewed at two thirds of their life, while the old one serves; one order at a time', async () => {
    const made = await domain('renew.acme-test.com');
    const first = await certificateOf(made);
    const before = Object((await show(made.account, made.id)).certificate).id;
    const { renews_at: renewsAt } = Object((await show(made.account, made.id)).certificate_management_status);
    test.advance(Date.parse(renewsAt) - test.now().getTime() - DAY_MS / 24);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(Object((await show(made.account, made.id)).certificate).id).toBe(before);
    test.advance(DAY_MS / 12);
    await vi.waitFor(
      async () => expect(Object((await show(made.account, made.id)).certificate).id).not.toBe(before),
      15_000,
    );
    expect((await certificateOf(made)).serialNumber).not.toBe(first.serialNumber);
    const old = await test.call('GET', `/tls_certificates/${before}`, { key: made.account.apiKey });
    expect(old.status).toBe(404);
  }, 60_000);

  it('are ordered once, however many processes look: who died with an order keeps others from it for its time', async () => {
    const account = await test.newAccount();
    const now = new Date();
    const row = await test.database.queries.reservedDomain.create({
      data: {
        id: 'rd_once',
        accountId: account.accountId,
        domain: 'once.acme-test.com',
        provenAt: now,
        nextCheckAt: new Date(now.getTime() + 3650 * DAY_MS),
        managementAuthority: 'letsencrypt',
        // The API of this test lets it alone.
        jobRetriesAt: new Date(now.getTime() + 3650 * DAY_MS),
      },
    });
    const at = new Date(now.getTime() + 3651 * DAY_MS);
    const leasedUntil = new Date(at.getTime() + 600_000);
    const take = (owner: string, when: Date) =>
      domainsToCertify(test.database.queries, { owner, now: when, leasedUntil, limit: 10 });
    const taken = await Promise.all(['a', 'b', 'c', 'd'].map((owner) => take(owner, at)));
    expect(taken.flat().filter(({ id }) => id === row.id)).toHaveLength(1);
    const after = await take('e', new Date(leasedUntil.getTime() + 1));
    expect(after.map(({ id }) => id)).toContain(row.id);
  });
});
