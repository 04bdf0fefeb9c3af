// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALICE, CLIENTS_A, CLIENTS_B, MALLORY, OWN_SERVER, SERVER_ONLY } from '../testing/client-certificates.util.ts';
import { BASE, DEMO } from '../testing/edge.util.ts';
import { type PolicyEdge, startPolicyEdge } from '../testing/policy-edge.util.ts';
import { openTunnel, type TestEndpoint, type Tunnel, testEndpoint } from '../testing/tunnel.util.ts';

const connectRules = (...actions: object[]): object => ({ on_tcp_connect: [{ actions }] });
const act = (type: string, config: object = {}): object => ({ type, config });
const mutualTls = (strategy: string, authorities = [CLIENTS_A]): object =>
  act('terminate-tls', {
    mutual_tls_certificate_authorities: authorities,
    mutual_tls_verification_strategy: strategy,
  });

let under: PolicyEdge;
const useHttps = (policy: object): void => under.use(policy, 'https');
/** Echoes, upper-cased, and keeps what it got. */
let echo: Server;
let echoTunnel: Tunnel;
const echoed: string[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  under = await startPolicyEdge();
  echo = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      echoed.push(chunk.toString('latin1'));
      socket.write(chunk.toString('latin1').toUpperCase());
    });
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  echoTunnel = await openTunnel(() => (echo.address() as AddressInfo).port);
});
afterAll(async () => {
  await echoTunnel.close();
  for (const socket of sockets) socket.destroy();
  echo.close();
  await under.close();
});
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  under.use(null);
  // What the last visitor still had under way must not be taken for the next one's.
  while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 2));
  echoed.length = 0;
});

/** A TLS connection to the edge, or why there is none. */
async function dial(options: ConnectionOptions = {}): Promise<TLSSocket | string> {
  const socket = connectTls({
    port: under.edge.httpsPort,
    host: '127.0.0.1',
    servername: DEMO,
    ca: [under.edge.rootPem, OWN_SERVER.cert],
    ...options,
  });
  cleanups.push(() => socket.destroy());
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', (error) => resolve(error.message));
    socket.once('close', () => resolve('closed'));
  });
}

/** Status line and fields of one request on a connection; '' when it was closed instead. */
async function ask(socket: TLSSocket | string): Promise<string> {
  if (typeof socket === 'string') return '';
  socket.write(`GET /x HTTP/1.1\r\nHost: ${DEMO}\r\nConnection: close\r\n\r\n`);
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.once('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

describe('on_tcp_connect of an https endpoint', () => {
  it('closes before a certificate is shown', async () => {
    useHttps(connectRules(act('deny')));
    expect(await dial()).toMatch(/ECONNRESET|disconnected|closed/);
    useHttps({ on_tcp_connect: [{ expressions: ['conn.client_port > 0'], actions: [act('close-connection')] }] });
    expect(await dial()).toMatch(/ECONNRESET|disconnected|closed/);
  });

  it('ends the handshake with an alert when an expression fails', async () => {
    useHttps({ on_tcp_connect: [{ expressions: ["vars.nope == 'a'"], actions: [act('deny')] }] });
    expect(await dial()).toMatch(/alert internal error/i);
    expect(under.edge.https.counters.lastErrorCode).toBe(2254);
  });

  it('goes on to TLS and HTTP when nothing ends it', async () => {
    useHttps(connectRules(act('set-vars', { vars: [{ a: 1 }] }), act('restrict-ips', { allow: ['127.0.0.0/8'] })));
    expect(await ask(await dial())).toMatch(/^HTTP\/1.1 200/);
  });
});

describe('terminate-tls of an https endpoint', () => {
  it('holds the visitor to the versions that it names', async () => {
    useHttps(connectRules(act('terminate-tls', { min_version: '1.3' })));
    expect(await dial({ maxVersion: 'TLSv1.2' })).toMatch(/protocol|closed|disconnected|ECONNRESET/i);
    const socket = await dial();
    expect(typeof socket !== 'string' && socket.getProtocol()).toBe('TLSv1.3');
    expect(await ask(socket)).toMatch(/^HTTP\/1.1 200/);
    useHttps(connectRules(act('terminate-tls', { max_version: '1.2' })));
    const older = await dial();
    expect(typeof older !== 'string' && older.getProtocol()).toBe('TLSv1.2');
  });

  it('shows the certificate of the policy', async () => {
    const { cert, key } = OWN_SERVER;
    useHttps(connectRules(act('terminate-tls', { server_certificate: cert, server_private_key: key })));
    const socket = await dial();
    expect(typeof socket !== 'string' && socket.getPeerCertificate().subject.CN).toBe('own');
    expect(await ask(socket)).toMatch(/^HTTP\/1.1 200/);
  });

  it.each([
    ['server_certificate', { server_certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }],
    ['server_private_key', { server_certificate: OWN_SERVER.cert, server_private_key: ALICE.key }],
    ['mutual_tls_certificate_authorities', { mutual_tls_certificate_authorities: ['-----BEGIN CERTIFICATE-----\nx'] }],
  ])('is refused with a %s that cannot be used', (field, config) => {
    const key = 'server_private_key' in config ? {} : { server_private_key: OWN_SERVER.key };
    const both = 'server_certificate' in config ? { ...key, ...config } : config;
    const use = (): void => useHttps(connectRules(act('terminate-tls', both)));
    expect(use).toThrow(expect.objectContaining({ code: 2228 }));
    expect(use).toThrow(field);
  });

  it('lets in visitors whose certificate its authorities signed, and knows who they are', async () => {
    const document = {
      ...connectRules(mutualTls('require-and-verify')),
      on_http_response: [
        {
          actions: [
            act('add-headers', {
              headers: {
                'x-cn': '${conn.tls.client.subject.common_name}',
                'x-subject': '${conn.tls.client.subject}',
                'x-san': "${conn.tls.client.san.email_addresses.join(',')} ${conn.tls.client.san.uris.join(',')}",
                'x-issuer': '${conn.tls.client.issuer.organization[0]}',
                'x-tls': '${conn.tls.version} ${conn.tls.sni}',
              },
            }),
          ],
        },
      ],
    };
    useHttps(document);
    const answer = await ask(await dial({ ...ALICE }));
    expect(answer).toMatch(/^HTTP\/1.1 200/);
    expect(answer).toContain('x-cn: alice\r\n');
    expect(answer).toContain('x-subject: CN=alice,OU=Tests,O=Acme,C=DE\r\n');
    expect(answer).toContain('x-san: alice@acme.test spiffe://acme/alice\r\n');
    expect(answer).toContain('x-issuer: Acme a\r\n');
    expect(answer).toContain(`x-tls: 1.3 ${DEMO}\r\n`);
  });

  it.each([
    ['no certificate', {}],
    ['a certificate of another authority', MALLORY],
    ['a certificate that is for servers', SERVER_ONLY],
  ])('turns away a visitor with %s', async (_what, certificate) => {
    useHttps(connectRules(mutualTls('require-and-verify')));
    const before = under.seen.length;
    expect(await ask(await dial({ ...certificate }))).toBe('');
    expect(await ask(await dial({ ...certificate, maxVersion: 'TLSv1.2' }))).toBe('');
    expect(under.seen.length).toBe(before);
  });

  it('require-any takes any certificate, and request none too', async () => {
    useHttps(connectRules(mutualTls('require-any')));
    expect(await ask(await dial({ ...MALLORY }))).toMatch(/^HTTP\/1.1 200/);
    expect(await ask(await dial())).toBe('');
    useHttps(connectRules(mutualTls('request')));
    expect(await ask(await dial())).toMatch(/^HTTP\/1.1 200/);
  });

  it('takes several authorities', async () => {
    useHttps(connectRules(mutualTls('require-and-verify', [CLIENTS_A, CLIENTS_B])));
    expect(await ask(await dial({ ...ALICE }))).toMatch(/^HTTP\/1.1 200/);
    expect(await ask(await dial({ ...MALLORY }))).toMatch(/^HTTP\/1.1 200/);
  });

  it('tells later rules of the same phase what it found', async () => {
    useHttps({
      on_tcp_connect: [
        { actions: [mutualTls('require-any', [CLIENTS_A, CLIENTS_B])] },
        {
          expressions: ["actions.ngrok.terminate_tls.client.subject.common_name == 'mallory'"],
          actions: [act('deny')],
        },
        { expressions: ["conn.tls.version != '1.3'"], actions: [act('deny')] },
      ],
    });
    expect(await ask(await dial({ ...ALICE }))).toMatch(/^HTTP\/1.1 200/);
    expect(await ask(await dial({ ...MALLORY }))).toBe('');
    expect(await ask(await dial({ ...ALICE, maxVersion: 'TLSv1.2' }))).toBe('');
  });

  it("tells what a visitor's TLS library offers, and every extension of its certificate", async () => {
    const ja4 = { actions: [act('add-headers', { headers: { 'x-ja4': '${conn.tls.ja4_fingerprint}' } })] };
    useHttps({ on_http_response: [ja4] });
    const plain = /x-ja4: (\S+)\r\n/.exec(await ask(await dial({})))?.[1];
    expect(plain).toMatch(/^t13d\d{4}00_[0-9a-f]{12}_[0-9a-f]{12}$/);
    const other = /x-ja4: (\S+)\r\n/.exec(
      await ask(await dial({ maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })),
    );
    expect(other?.[1]).toMatch(/^t12d\d{4}h1_/);

    useHttps({
      ...connectRules(mutualTls('require-and-verify')),
      on_http_response: [
        ja4,
        {
          expressions: ["conn.tls.client.extensions.exists(e, e.id == '2.5.29.17' && size(e.value) > 20)"],
          actions: [act('add-headers', { headers: { 'x-extensions': '${conn.tls.client.extensions.size()}' } })],
        },
      ],
    });
    const answer = await ask(await dial({ ...ALICE }));
    expect(answer).toContain(`x-ja4: ${plain}\r\n`);
    expect(answer).toMatch(/x-extensions: [1-9]\r\n/);
  });

  it('does the same for HTTP/2', async () => {
    useHttps({
      ...connectRules(mutualTls('require-and-verify')),
      on_http_request: [
        { actions: [act('custom-response', { body: '${conn.tls.client.subject.common_name} ${req.version}' })] },
      ],
    });
    const socket = await dial({ ...ALICE, ALPNProtocols: ['h2'] });
    if (typeof socket === 'string') throw new Error(socket);
    const session = connectHttp2(`https://${DEMO}`, { createConnection: () => socket });
    cleanups.push(() => session.destroy());
    const stream = session.request({ ':path': '/' });
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    expect(String(chunk)).toBe('alice HTTP/2.0');
  });

  it('cannot be got around by asking for its host on the connection of another', async () => {
    const other = testEndpoint({ proto: 'https', host: `open.${DEMO}`, members: [under.edge.tunnel.member()] });
    under.edge.router.add(other);
    cleanups.push(() => under.edge.router.remove(other));
    const wildcard = testEndpoint({ proto: 'https', host: `*.${DEMO}`, members: [under.edge.tunnel.member()] });
    wildcard.policy = under.policies.compile(JSON.stringify(connectRules(mutualTls('require-and-verify'))), {
      protocol: 'https',
      kind: 'agent',
      internal: false,
    });
    under.edge.router.add(wildcard);
    cleanups.push(() => under.edge.router.remove(wildcard));
    const socket = await dial({ servername: `one.${DEMO}`, ...ALICE });
    if (typeof socket === 'string') throw new Error(socket);
    socket.write(`GET / HTTP/1.1\r\nHost: one.${DEMO}\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(String(first)).toMatch(/^HTTP\/1.1 200/);
    // The wildcard leaf covers both names, so the connection may ask for either; the other has no such policy.
    wildcard.policy = null;
    const plain = await dial({ servername: `two.${DEMO}` });
    if (typeof plain === 'string') throw new Error(plain);
    wildcard.policy = under.policies.compile(JSON.stringify(connectRules(mutualTls('require-and-verify'))), {
      protocol: 'https',
      kind: 'agent',
      internal: false,
    });
    plain.write(`GET / HTTP/1.1\r\nHost: two.${DEMO}\r\n\r\n`);
    const [refused] = (await once(plain, 'data')) as [Buffer];
    expect(String(refused)).toMatch(/^HTTP\/1.1 421/);
  });
});

describe('policies of tcp and tls endpoints', () => {
  function put(proto: 'tcp' | 'tls', policy: object, host = ''): TestEndpoint {
    const endpoint = testEndpoint({ proto, host, members: [echoTunnel.member()] });
    endpoint.policy = under.policies.compile(JSON.stringify(policy), {
      protocol: proto,
      kind: 'agent',
      internal: false,
    });
    return endpoint;
  }

  async function tcp(policy: object): Promise<{ socket: Socket; endpoint: TestEndpoint }> {
    const endpoint = put('tcp', policy);
    const port = await under.edge.tcp.open('any', endpoint);
    cleanups.push(() => under.edge.tcp.close(port));
    const socket = connect({ port, host: '127.0.0.1' });
    cleanups.push(() => socket.destroy());
    socket.on('error', () => {});
    return { socket, endpoint };
  }

  it.each([
    ['deny', connectRules(act('deny'))],
    ['close-connection', connectRules(act('close-connection'))],
    ['restrict-ips', connectRules(act('restrict-ips', { allow: ['203.0.113.0/24'] }))],
    ['a failing expression', { on_tcp_connect: [{ expressions: ['vars.nope > 1'], actions: [act('deny')] }] }],
  ])('%s closes a tcp connection and nothing reaches the upstream', async (_what, policy) => {
    const { socket } = await tcp(policy);
    socket.write('hello');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(echoed).toEqual([]);
  });

  it('lets a tcp connection through that the rules allow', async () => {
    const { socket, endpoint } = await tcp({
      on_tcp_connect: [
        {
          actions: [
            act('restrict-ips', { allow: ['127.0.0.1/32'] }),
            act('set-vars', { vars: [{ a: '${conn.client_ip}' }] }),
          ],
        },
        { expressions: ["vars.a != '127.0.0.1'"], actions: [act('deny')] },
        { expressions: ["endpoint.protocol == 'tcp'"], actions: [act('log', { metadata: { who: '${vars.a}' } })] },
      ],
    });
    socket.write('hello');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(String(chunk)).toBe('HELLO');
    expect(endpoint.counters.connections).toBe(1);
  });

  it('passes the TLS of a tls endpoint through unless terminate-tls is asked for', async () => {
    const host = `tls.${BASE}`;
    const endpoint = put('tls', connectRules(act('restrict-ips', { allow: ['127.0.0.1/32'] })), host);
    under.edge.router.add(endpoint);
    cleanups.push(() => under.edge.router.remove(endpoint));
    const raw = connectTls({ port: under.edge.httpsPort, host: '127.0.0.1', servername: host });
    raw.on('error', () => {});
    cleanups.push(() => raw.destroy());
    while (echoed.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(echoed[0]?.charCodeAt(0)).toBe(22);
    expect(echoed[0]).toContain(host);
  });

  it('ends the TLS of a tls endpoint and passes on what is in it', async () => {
    const host = `tls.${BASE}`;
    const { cert, key } = OWN_SERVER;
    const terminate = act('terminate-tls', {
      server_certificate: cert,
      server_private_key: key,
      mutual_tls_certificate_authorities: [CLIENTS_A],
    });
    const endpoint = put('tls', connectRules(terminate), host);
    under.edge.router.add(endpoint);
    cleanups.push(() => under.edge.router.remove(endpoint));
    const socket = await dial({ servername: host, ...ALICE });
    if (typeof socket === 'string') throw new Error(socket);
    const big = 'x'.repeat(300_000);
    socket.write(big);
    let received = 0;
    for await (const chunk of socket) {
      received += (chunk as Buffer).length;
      if (received === big.length) break;
    }
    expect(received).toBe(big.length);
    expect(echoed.join('')).toBe(big);
    echoed.length = 0;
    const refused = await dial({ servername: host, ...MALLORY });
    if (typeof refused !== 'string') {
      refused.write('hello');
      refused.on('error', () => {});
      await once(refused, 'close');
    }
    expect(echoed).toEqual([]);
  });
});
