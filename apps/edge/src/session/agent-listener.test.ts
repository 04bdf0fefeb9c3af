import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createIssuingCa, createKeyPair, createRoot, LeafIssuer } from '@portico/pki';
import { createLogger } from '@portico/service';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Metrics } from '../observe/metrics.ts';
import { AgentListener, type AgentListenerLimits, type ConnectCertificate } from './agent-listener.ts';

const log = createLogger({ name: 'test', level: 'silent' });
let certificate: ConnectCertificate;
let rootPem = '';

beforeAll(async () => {
  const now = new Date();
  const root = await createRoot({ name: 'Test', now });
  const keys = await createKeyPair();
  const issuing = await createIssuingCa({
    root,
    publicKeyPem: keys.publicKeyPem,
    permittedDns: ['localhost'],
    permittedIps: ['127.0.0.0/8'],
    now,
    days: 30,
  });
  const issuer = new LeafIssuer({ certificatePem: issuing, privateKeyPem: keys.privateKeyPem });
  const leaf = await issuer.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });
  rootPem = root.certificatePem;
  certificate = { chainPem: leaf.certificatePem + rootPem, privateKeyPem: leaf.privateKeyPem };
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(limits: Partial<AgentListenerLimits> = {}, withCertificate = true) {
  const arrivals: { socket: TLSSocket; authenticated: () => void }[] = [];
  const waiters: (() => void)[] = [];
  const metrics = new Metrics();
  const listener = new AgentListener({
    limits: { authTimeoutMs: 10_000, unauthenticatedAgents: 1_000, heldConnections: 100, ...limits },
    log,
    metrics,
    onAgent: (socket, authenticated) => {
      arrivals.push({ socket, authenticated });
      for (const wake of waiters.splice(0)) wake();
    },
  });
  if (withCertificate) listener.useCertificate(certificate);
  const port = await listener.listen(0, '127.0.0.1');
  cleanups.push(async () => {
    for (const { socket } of arrivals) socket.destroy();
    await listener.close();
  });
  const arrived = async (count: number) => {
    while (arrivals.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  const dialTls = () => {
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: rootPem });
    socket.on('error', () => {});
    cleanups.push(() => socket.destroy());
    return socket;
  };
  const dialTcp = (): Socket => {
    const socket = connectTcp({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    cleanups.push(() => socket.destroy());
    return socket;
  };
  return { listener, arrivals, arrived, metrics, dialTls, dialTcp };
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

describe('the connect port', () => {
  it('ends TLS with a chain that carries the root', async () => {
    const { arrived, dialTls, listener } = await setUp();
    const socket = dialTls();
    await once(socket, 'secureConnect');
    await arrived(1);
    const leaf = socket.getPeerCertificate(true);
    expect(leaf.subjectaltname).toBe('DNS:localhost, IP Address:127.0.0.1');
    expect(leaf.issuerCertificate?.issuerCertificate?.subject.CN).toBe('Test');
    expect(listener.unauthenticated).toBe(1);
  });

  it('frees the place of an agent that authenticated, left, or never finished its handshake', async () => {
    const { arrived, arrivals, dialTls, dialTcp, listener } = await setUp({ authTimeoutMs: 300 });
    const first = dialTls();
    const second = dialTls();
    await arrived(2);
    arrivals[0]?.authenticated();
    expect(listener.unauthenticated).toBe(1);
    arrivals[0]?.authenticated();
    expect(listener.unauthenticated).toBe(1);
    second.destroy();
    const gone = arrivals[1]?.socket;
    if (gone !== undefined) await closed(gone);
    const remaining = arrivals.filter(({ socket }) => !socket.destroyed);
    for (const { authenticated } of remaining) authenticated();
    expect(listener.unauthenticated).toBe(0);

    const plain = dialTcp();
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await closed(plain);
    expect(listener.unauthenticated).toBe(0);

    const silent = dialTcp();
    await closed(silent);
    expect(listener.unauthenticated).toBe(0);
    first.destroy();
  });

  it('lets more than the limit wait unread and takes them on as places come free', async () => {
    const { arrived, arrivals, dialTls, listener } = await setUp({ unauthenticatedAgents: 2 });
    const sockets = [dialTls(), dialTls(), dialTls()];
    await arrived(2);
    // The third has sent its ClientHello by the time that a fourth, later one is connected.
    const fourth = dialTls();
    await once(fourth, 'connect');
    expect(arrivals).toHaveLength(2);
    expect(listener.unauthenticated).toBe(2);
    arrivals[0]?.authenticated();
    await arrived(3);
    arrivals[1]?.authenticated();
    await arrived(4);
    expect(sockets).toHaveLength(3);
  });

  it('closes what is beyond the waiting ones', async () => {
    const { arrived, dialTls, dialTcp, metrics } = await setUp({ unauthenticatedAgents: 1, heldConnections: 1 });
    dialTls();
    await arrived(1);
    const waiting = dialTcp();
    await once(waiting, 'connect');
    const refused = dialTcp();
    await closed(refused);
    expect(metrics.value('portico_agents_refused_total', { reason: 'held' })).toBe(1);
    expect(waiting.destroyed).toBe(false);
  });

  it('holds handshakes until there is a certificate', async () => {
    const { arrived, arrivals, dialTls, listener } = await setUp({}, false);
    const socket = dialTls();
    await once(socket, 'connect');
    expect(arrivals).toHaveLength(0);
    listener.useCertificate(certificate);
    await arrived(1);
  });

  it('leaves nothing open when it closes', async () => {
    const { arrived, arrivals, dialTls, dialTcp, listener } = await setUp({ unauthenticatedAgents: 2 });
    dialTls();
    await arrived(1);
    const handshaking = dialTcp();
    const waiting = dialTcp();
    await Promise.all([once(handshaking, 'connect'), once(waiting, 'connect')]);
    const gone = Promise.all([closed(handshaking), closed(waiting)]);
    await listener.close();
    await gone;
    arrivals[0]?.socket.destroy();
  });
});
