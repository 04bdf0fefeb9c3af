import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Authority,
  checkIssuingCa,
  createIssuingCa,
  createRoot,
  createUnconstrainedIssuingCa,
} from './authority.ts';
import { makeCertificate, readIssuer } from './certificate.ts';
import { certificateExtensions } from './certificate-extensions.ts';
import { fingerprintSha256, parseFingerprint, renewAt } from './certificate-facts.ts';
import { createKeyPair, type KeyPair, provePossession, readPublicKey, verifyPossession } from './key-pair.ts';
import { type IssuedLeaf, LeafIssuer } from './leaf-issuer.ts';
import { addressBytes, type CertificateNames, PkiError } from './names.ts';

const run = promisify(execFile);
const hasOpenssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
);

const now = new Date();
const permitted = {
  permittedDns: ['portico.localhost', 'localhost'],
  permittedIps: ['127.0.0.1', '::1', '10.1.0.0/16'],
};
let folder: string;
let root: Authority;
let keys: KeyPair;
let issuingPem: string;
let issuer: LeafIssuer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portico-pki-'));
  root = await createRoot({ name: 'Portico root', now });
  keys = await createKeyPair();
  issuingPem = await createIssuingCa({ root, publicKeyPem: keys.publicKeyPem, ...permitted, now, days: 365 });
  issuer = new LeafIssuer({ certificatePem: issuingPem, privateKeyPem: keys.privateKeyPem });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a leaf', () => {
  it('shows its extensions, critical or not, with their bytes', async () => {
    const { raw } = new X509Certificate(
      (await issuer.issue({ dns: ['demo.portico.localhost'], ips: [] })).certificatePem,
    );
    const extensions = certificateExtensions(raw);
    const names = extensions.find(({ id }) => id === '2.5.29.17');
    // GeneralNames with one dNSName (RFC 5280 section 4.2.1.6).
    expect(names?.value.toString('latin1')).toBe('0\x18\x82\x16demo.portico.localhost');
    expect(extensions.find(({ id }) => id === '2.5.29.15')?.critical).toBe(true);
    expect(extensions.find(({ id }) => id === '2.5.29.37')?.critical).toBe(false);
    expect(certificateExtensions(raw.subarray(0, 100))).toEqual([]);
  });

  it.for(['TLSv1.2', 'TLSv1.3'] as const)('carries a verified %s connection with ECDSA P-256', async (version) => {
    const leaf = await issuer.issue({ dns: ['demo.portico.localhost'], ips: [] });
    const peer = await handshake(leaf, { servername: 'demo.portico.localhost', version });
    expect(peer).toMatchObject({ kind: 'verified', curve: 'prime256v1', chainLength: 3, protocol: version });
  });

  it('serves a wildcard and refuses names beside it', async () => {
    const leaf = await issuer.issue({ dns: ['*.portico.localhost'], ips: [] });
    expect(await handshake(leaf, { servername: 'anything.portico.localhost' })).toMatchObject({ kind: 'verified' });
    for (const servername of ['portico.localhost', 'a.b.portico.localhost', 'other.localhost']) {
      expect(await handshake(leaf, { servername })).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    }
  });

  it('serves addresses of both families', async () => {
    const leaf = await issuer.issue({ dns: ['localhost'], ips: ['127.0.0.1', '0:0::1', '10.1.2.3'] });
    expect(await handshake(leaf, { host: '127.0.0.1' })).toMatchObject({ kind: 'verified' });
    const certificate = new X509Certificate(leaf.certificatePem);
    expect(certificate.checkIP('::1')).toBeDefined();
    expect(certificate.checkIP('10.1.2.3')).toBeDefined();
    expect(certificate.checkIP('127.0.0.2')).toBeUndefined();
  });

  it('may do no more than serve', async () => {
    const { certificatePem } = await issuer.issue({ dns: ['demo.portico.localhost'], ips: [] });
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('lives at most 90 days, starts a little in the past, and ends with its issuer', async () => {
    const leaf = await issuer.issue({ dns: ['demo.portico.localhost'], ips: [] });
    const { validFromDate, validToDate } = new X509Certificate(leaf.certificatePem);
    expect(validToDate.getTime() - validFromDate.getTime()).toBe(90 * 86_400_000);
    expect(validToDate).toEqual(leaf.notAfter);
    const backdatedMs = Date.now() - validFromDate.getTime();
    expect(backdatedMs).toBeGreaterThan(5 * 60_000);
    expect(backdatedMs).toBeLessThan(60 * 60_000);

    const pem = await createIssuingCa({ root, publicKeyPem: keys.publicKeyPem, ...permitted, now, days: 10 });
    const shortLived = new LeafIssuer({ certificatePem: pem, privateKeyPem: keys.privateKeyPem });
    expect((await shortLived.issue({ dns: ['localhost'], ips: [] })).notAfter).toEqual(shortLived.notAfter);
    const late = new LeafIssuer({
      certificatePem: pem,
      privateKeyPem: keys.privateKeyPem,
      now: () => new Date(now.getTime() + 11 * 86_400_000),
    });
    await expect(late.issue({ dns: ['localhost'], ips: [] })).rejects.toThrow('has expired');
    expect(() => new LeafIssuer({ certificatePem: pem, privateKeyPem: keys.privateKeyPem, days: 91 })).toThrow(
      PkiError,
    );
  });

  it('has a serial number that no other has', async () => {
    const leaves = await Promise.all(
      Array.from({ length: 20 }, (_, index) => issuer.issue({ dns: [`n${index}.portico.localhost`], ips: [] })),
    );
    const serials = leaves.map((leaf) => new X509Certificate(leaf.certificatePem).serialNumber);
    expect(new Set(serials).size).toBe(20);
    expect(serials.every((serial) => /^[4-7][0-9A-F]{31}$/.test(serial))).toBe(true);
  });

  it('carries exactly the key that was made, also when its bits look like ASN.1', async () => {
    // A point whose first coordinate begins with 0x3f reads as an OCTET STRING of the remaining 63 bytes.
    let pair = await createKeyPair();
    while (pointOf(pair)[1] !== 0x3f) {
      pair = await createKeyPair();
    }
    const pem = await signDirectly({ kind: 'server', names: { dns: ['demo.portico.localhost'], ips: [] } }, pair);
    const certificate = new X509Certificate(pem);
    expect(certificate.publicKey.equals(createPublicKey(pair.publicKeyPem))).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(pair.privateKeyPem))).toBe(true);
    expect(certificate.verify(createPublicKey(keys.publicKeyPem))).toBe(true);
  });

  it('is refused for what is not a name or lies outside the constraints', async () => {
    const bad: CertificateNames[] = [
      { dns: [], ips: [] },
      { dns: ['evil.example'], ips: [] },
      { dns: ['xportico.localhost.example'], ips: [] },
      { dns: ['*.*.portico.localhost'], ips: [] },
      { dns: ['a.*.portico.localhost'], ips: [] },
      { dns: ['a b.portico.localhost'], ips: [] },
      { dns: ['bücher.portico.localhost'], ips: [] },
      { dns: ['a\0.portico.localhost'], ips: [] },
      { dns: [`${'a'.repeat(64)}.portico.localhost`], ips: [] },
      { dns: ['127.0.0.1'], ips: [] },
      { dns: [], ips: ['10.2.0.1'] },
      { dns: [], ips: ['::2'] },
      { dns: [], ips: ['fe80::1%eth0'] },
      { dns: [], ips: ['localhost'] },
    ];
    for (const names of bad) {
      await expect(issuer.issue(names), JSON.stringify(names)).rejects.toThrow(PkiError);
    }
    expect(issuer.covers({ dns: ['a.b.portico.localhost'], ips: ['10.1.255.255'] })).toBe(true);
    expect(issuer.covers({ dns: ['a.example'], ips: [] })).toBe(false);
  });

  it('waits its turn in a line that has an end', async () => {
    const wanted = Array.from({ length: 1_100 }, (_, index) => issuer.issue({ dns: [`q${index}.localhost`], ips: [] }));
    const outcomes = await Promise.allSettled(wanted);
    // Two are made at a time and 1,000 may wait.
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1_002);
    expect(outcomes.slice(0, 1_002).every(({ status }) => status === 'fulfilled')).toBe(true);
    await issuer.issue({ dns: ['after.localhost'], ips: [] });
  });

  it('holds names that are longer than a common name may be', async () => {
    const long = `${'a'.repeat(60)}.portico.localhost`;
    const leaf = await issuer.issue({ dns: [long], ips: [] });
    expect(await handshake(leaf, { servername: long })).toMatchObject({ kind: 'verified' });
  });
});

describe('an issuing CA', () => {
  const outside: CertificateNames[] = [
    { dns: ['evil.example'], ips: [] },
    { dns: ['*.example'], ips: [] },
    { dns: ['demo.portico.localhost', 'evil.example'], ips: [] },
    { dns: ['demo.portico.localhost'], ips: ['127.0.0.2'] },
    { dns: ['demo.portico.localhost'], ips: ['::2'] },
  ];

  it.for(outside)('that breaks its constraints with %j is refused by Node', async (names) => {
    const leaf = await rogueLeaf(names);
    const host = names.dns[0]?.replace('*', 'www') ?? '';
    // The name itself fits, so what is refused is the chain.
    expect(await handshake(leaf, { servername: host })).toMatchObject({
      kind: 'refused',
      message: 'permitted subtree violation',
    });
  });

  it.skipIf(!hasOpenssl).for(outside)('that breaks its constraints with %j is refused by openssl', async (names) => {
    await expect(opensslVerify((await rogueLeaf(names)).certificatePem)).rejects.toThrow('permitted subtree violation');
  });

  it.skipIf(!hasCurl)('that breaks its constraints is refused by curl', async () => {
    const good = await issuer.issue({ dns: ['demo.portico.localhost'], ips: [] });
    expect(await curl(good, 'demo.portico.localhost')).toBe('hello');
    await expect(curl(await rogueLeaf({ dns: ['evil.example'], ips: [] }), 'evil.example')).rejects.toMatchObject({
      code: 60,
    });
  });

  it.skipIf(!hasOpenssl)('makes leaves that openssl accepts in strict mode, for servers only', async () => {
    const { certificatePem } = await issuer.issue({ dns: ['*.portico.localhost'], ips: ['127.0.0.1'] });
    await opensslVerify(certificatePem);
    await expect(opensslVerify(certificatePem, 'sslclient')).rejects.toThrow(/purpose/);
  });

  it.skipIf(!hasOpenssl)('may not make another CA', async () => {
    const pair = await createKeyPair();
    const subCa = await signDirectly({ kind: 'issuing', permitted: { dns: null, ips: null } }, pair, 'Sub CA');
    const leaf = await makeCertificate({
      subject: [{ name: 'commonName', value: 'demo.portico.localhost' }],
      publicKey: readPublicKey(keys.publicKeyPem),
      issuer: readIssuer(subCa),
      signingKey: createPrivateKey(pair.privateKeyPem),
      ...lifetime(),
      usage: { kind: 'server', names: { dns: ['demo.portico.localhost'], ips: [] } },
    });
    await expect(opensslVerify(leaf + subCa + issuingPem)).rejects.toThrow('path length constraint exceeded');
    const chain = { certificatePem: leaf + subCa + issuingPem, privateKeyPem: keys.privateKeyPem, notAfter: now };
    expect(await handshake(chain, { servername: 'demo.portico.localhost' })).toMatchObject({
      code: 'PATH_LENGTH_EXCEEDED',
    });
  });

  it('with nothing permitted can certify nothing', async () => {
    const pem = await createIssuingCa({
      root,
      publicKeyPem: keys.publicKeyPem,
      permittedDns: [],
      permittedIps: [],
      now,
      days: 30,
    });
    const empty = new LeafIssuer({ certificatePem: pem, privateKeyPem: keys.privateKeyPem });
    await expect(empty.issue({ dns: ['localhost'], ips: [] })).rejects.toThrow(PkiError);
    for (const names of [
      { dns: ['localhost'], ips: [] },
      { dns: [], ips: ['127.0.0.1'] },
    ]) {
      const leaf = await rogueLeaf(names, pem);
      expect(await handshake(leaf, { host: '127.0.0.1', servername: 'localhost' })).toMatchObject({
        message: 'excluded subtree violation',
      });
    }
  });

  it('without constraints certifies any name', async () => {
    const pem = await createUnconstrainedIssuingCa({ root, publicKeyPem: keys.publicKeyPem, now, days: 30 });
    const open = new LeafIssuer({ certificatePem: pem, privateKeyPem: keys.privateKeyPem });
    const leaf = await open.issue({ dns: ['shop.example.com'], ips: ['192.0.2.7'] });
    expect(await handshake(leaf, { servername: 'shop.example.com' })).toMatchObject({ kind: 'verified' });
  });

  it('is checked by the edge that receives it', async () => {
    const good = {
      certificatePem: issuingPem,
      rootPem: root.certificatePem,
      privateKeyPem: keys.privateKeyPem,
      now: new Date(),
    };
    expect(() => checkIssuingCa(good)).not.toThrow();
    const otherRoot = await createRoot({ name: 'Portico root', now });
    const otherKeys = await createKeyPair();
    expect(() => checkIssuingCa({ ...good, rootPem: otherRoot.certificatePem })).toThrow('not signed by the root');
    expect(() => checkIssuingCa({ ...good, privateKeyPem: otherKeys.privateKeyPem })).toThrow('another key');
    expect(() => checkIssuingCa({ ...good, now: new Date(now.getTime() + 400 * 86_400_000) })).toThrow('not valid now');
  });

  it('is made over P-256 public keys only', async () => {
    const request = { root, ...permitted, now, days: 30 };
    for (const publicKeyPem of ['', 'nonsense', keys.privateKeyPem, issuingPem]) {
      await expect(async () => createIssuingCa({ ...request, publicKeyPem })).rejects.toThrow(PkiError);
    }
  });
});

describe('proof of possession', () => {
  it('binds the key to what it is for', async () => {
    const proof = provePossession(keys, 'node ed_1');
    expect(verifyPossession(keys.publicKeyPem, 'node ed_1', proof)).toBe(true);
    expect(verifyPossession(keys.publicKeyPem, 'node ed_2', proof)).toBe(false);
    expect(verifyPossession((await createKeyPair()).publicKeyPem, 'node ed_1', proof)).toBe(false);
    expect(verifyPossession(keys.publicKeyPem, 'node ed_1', 'AAAA')).toBe(false);
  });
});

describe('facts of a certificate', () => {
  it('are its fingerprint, as openssl and people write it, and the time to renew', async () => {
    const hex = fingerprintSha256(root.certificatePem);
    expect(parseFingerprint(` ${new X509Certificate(root.certificatePem).fingerprint256}\n`)).toBe(hex);
    expect(() => parseFingerprint('abcd')).toThrow(PkiError);
    const { certificatePem } = await issuer.issue({ dns: ['localhost'], ips: [] });
    const { validFromDate } = new X509Certificate(certificatePem);
    expect(renewAt(certificatePem).getTime() - validFromDate.getTime()).toBe(60 * 86_400_000);
  });

  it.each([
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::ff:0', '20010db8000000000000000000ff0000'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1.2.3.4', '01020304'],
  ])('include the bytes of %s', (address, hex) => {
    expect(addressBytes(address).toString('hex')).toBe(hex);
  });
});

function lifetime(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now.getTime() - 60_000), notAfter: new Date(now.getTime() + 86_400_000) };
}

/** What a stolen issuing key could make: nothing of ours checks the names. */
function signDirectly(
  usage: Parameters<typeof makeCertificate>[0]['usage'],
  pair: KeyPair,
  name = 'rogue',
  issuerPem = issuingPem,
): Promise<string> {
  return makeCertificate({
    subject: [{ name: 'commonName', value: name }],
    publicKey: readPublicKey(pair.publicKeyPem),
    issuer: readIssuer(issuerPem),
    signingKey: createPrivateKey(keys.privateKeyPem),
    ...lifetime(),
    usage,
  });
}

async function rogueLeaf(names: CertificateNames, issuerPem = issuingPem): Promise<IssuedLeaf> {
  const pair = await createKeyPair();
  const leafPem = await signDirectly({ kind: 'server', names }, pair, 'rogue', issuerPem);
  return { certificatePem: leafPem + issuerPem, privateKeyPem: pair.privateKeyPem, notAfter: now };
}

function pointOf(pair: KeyPair): Buffer {
  return createPublicKey(pair.publicKeyPem).export({ type: 'spki', format: 'der' }).subarray(-65);
}

type Handshake =
  | { kind: 'verified'; curve: string | undefined; chainLength: number; protocol: string | null }
  | { kind: 'refused'; code: string; message: string };

/** Connects to a real TLS server that uses the leaf, trusting the root alone. */
async function handshake(
  leaf: IssuedLeaf,
  { servername, host, version }: { servername?: string; host?: string; version?: 'TLSv1.2' | 'TLSv1.3' },
): Promise<Handshake> {
  return withServer(leaf, async (port) => {
    const socket = connect({
      host: host ?? '127.0.0.1',
      port,
      ca: root.certificatePem,
      ...(servername === undefined ? {} : { servername }),
      ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    });
    return new Promise<Handshake>((resolve) => {
      socket.once('secureConnect', () => {
        const peer = socket.getPeerCertificate(true);
        resolve({
          kind: 'verified',
          curve: peer.asn1Curve,
          chainLength: lengthOf(peer),
          protocol: socket.getProtocol(),
        });
        socket.destroy();
      });
      socket.once('error', (error) =>
        resolve({ kind: 'refused', code: 'code' in error ? String(error.code) : '', message: error.message }),
      );
    });
  });
}

function lengthOf(certificate: DetailedPeerCertificate): number {
  const issuerCertificate = certificate.issuerCertificate;
  return issuerCertificate === certificate ? 1 : 1 + lengthOf(issuerCertificate);
}

async function withServer<T>(leaf: IssuedLeaf, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer({ cert: leaf.certificatePem, key: leaf.privateKeyPem }, (_request, response) => {
    response.end('hello');
  });
  server.on('tlsClientError', () => {
    // A client that refuses us is what half of these tests are about.
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function opensslVerify(chainPem: string, purpose = 'sslserver'): Promise<void> {
  const [rootFile, leafFile, chainFile] = await Promise.all(
    [
      ['root', root.certificatePem],
      ['leaf', new X509Certificate(chainPem).toString()],
      ['chain', chainPem],
    ].map(async ([name = '', text = '']) => {
      const file = join(folder, `${name}-${Math.random()}.pem`);
      await writeFile(file, text);
      return file;
    }),
  );
  const files = ['-CAfile', rootFile ?? '', '-untrusted', chainFile ?? '', leafFile ?? ''];
  await run('openssl', ['verify', '-no-CApath', '-x509_strict', '-purpose', purpose, ...files]);
}

async function curl(leaf: IssuedLeaf, host: string): Promise<string> {
  const rootFile = join(folder, `curl-${Math.random()}.pem`);
  await writeFile(rootFile, root.certificatePem);
  return withServer(leaf, async (port) => {
    const { stdout } = await run('curl', [
      '--silent',
      '--show-error',
      '--noproxy',
      '*',
      '--cacert',
      rootFile,
      '--resolve',
      `${host}:${port}:127.0.0.1`,
      `https://${host}:${port}/`,
    ]);
    return stdout;
  });
}
