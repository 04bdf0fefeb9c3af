import { X509Certificate } from 'node:crypto';
import { createBoxKey } from '@portico/pki';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../testing/certificates.ts';
import { DnsServer } from '../testing/dns-server.ts';
import { type TestAccount, TestApi } from '../testing/test-api.ts';

const DAY_MS = 86_400_000;

let dns: DnsServer;
let test: TestApi;

beforeAll(async () => {
  dns = await DnsServer.open();
  test = await TestApi.start({ config: { dnsServers: [dns.address] }, limits: { sweepMs: 20 } });
});
afterEach(() => {
  dns.silent = false;
});
afterAll(async () => {
  await test.close();
  await dns.close();
});

interface Domain {
  readonly id: string;
  readonly cname_target: string;
  readonly acme_challenge_cname_target: string;
  readonly dns_status: {
    readonly proven_at: string | null;
    readonly unproven_since: string | null;
    readonly txt_name: string;
    readonly txt_value: string;
    readonly proof: string | null;
    readonly routing: string | null;
  };
}

async function claim(account: TestAccount, domain: string): Promise<Domain> {
  const { status, text } = await test.call('POST', '/reserved_domains', { key: account.apiKey, body: { domain } });
  expect([status, text]).toEqual([201, text]);
  return JSON.parse(text);
}

async function look(account: TestAccount, { id }: Domain): Promise<Domain> {
  return JSON.parse((await test.call('POST', `/reserved_domains/${id}/check`, { key: account.apiKey })).text);
}

async function proven(account: TestAccount, domain: string): Promise<Domain> {
  const made = await claim(account, domain);
  dns.set('TXT', made.dns_status.txt_name, 'v=spf1 -all', made.dns_status.txt_value);
  expect((await look(account, made)).dns_status.proven_at).not.toBeNull();
  return made;
}

function bind({ accountId, credentialId }: TestAccount, host: string) {
  const wanted = { kind: 'host', host } as const;
  return test.edge.authorizeBind({ nodeId: 'edge-1', accountId, credentialId, proto: 'https', wanted });
}

describe('a name of one’s own', () => {
  it('is not its account’s until DNS says so, and then is, with all names under it', async () => {
    const account = await test.newAccount();
    const domain = await claim(account, 'shop.acme-one.com');
    expect(domain.dns_status).toMatchObject({ proven_at: null, txt_name: '_portico-challenge.shop.acme-one.com' });
    expect(domain.cname_target).toMatch(/^d-[0-9a-f]{20}\.portico\.localhost$/);
    expect(await bind(account, 'shop.acme-one.com')).toMatchObject({ kind: 'refused', error: { code: 515 } });
    dns.set('CNAME', 'shop.acme-one.com', domain.cname_target);
    const after = await look(account, domain);
    expect(after.dns_status).toMatchObject({ proof: 'cname', routing: 'cname' });
    expect(after.dns_status.proven_at).not.toBeNull();
    expect(await bind(account, 'shop.acme-one.com')).toMatchObject({ kind: 'granted', reservedDomainId: domain.id });
    expect(await bind(account, 'a.shop.acme-one.com')).toMatchObject({ kind: 'granted' });
    expect(await bind(account, 'acme-one.com')).toMatchObject({ kind: 'refused', error: { code: 319 } });
  });

  it('is found by itself once the record is there, without anybody asking', async () => {
    const account = await test.newAccount();
    const domain = await claim(account, 'www.acme-two.com');
    dns.set('CNAME', 'www.acme-two.com', 'elsewhere.example.net');
    dns.set('CNAME', 'elsewhere.example.net', domain.cname_target);
    await vi.waitFor(async () => {
      test.advance(15_000);
      expect(await bind(account, 'www.acme-two.com')).toMatchObject({ kind: 'granted' });
    }, 5_000);
  });

  it('that cannot have an alias is proven by a text, and its addresses are compared with ours', async () => {
    const account = await test.newAccount();
    dns.set('A', 'acme-three.com', '192.0.2.7');
    dns.set('A', '*.portico.localhost', '192.0.2.7');
    await proven(account, 'acme-three.com');
    const { body } = await test.call('GET', '/reserved_domains', { key: account.apiKey });
    expect(Object(body.reserved_domains)[0].dns_status).toMatchObject({ proof: 'txt', routing: 'address' });
  });

  it('may be a wildcard', async () => {
    const account = await test.newAccount();
    const domain = await claim(account, '*.apps.acme-four.com');
    dns.set('CNAME', '*.apps.acme-four.com', domain.cname_target);
    expect((await look(account, domain)).dns_status.proof).toBe('cname');
    expect(await bind(account, 'x.apps.acme-four.com')).toMatchObject({ kind: 'granted' });
    expect(await bind(account, '*.apps.acme-four.com')).toMatchObject({ kind: 'granted' });
    expect(await bind(account, 'apps.acme-four.com')).toMatchObject({ kind: 'refused' });
  });

  it('is not to be had without proof by writing it down first', async () => {
    const [squatter, owner] = [await test.newAccount(), await test.newAccount()];
    await claim(squatter, 'wanted.acme-five.com');
    const body = { domain: 'wanted.acme-five.com' };
    const refused = await test.call('POST', '/reserved_domains', { key: owner.apiKey, body });
    expect([refused.status, refused.body.error_code]).toEqual([409, 'ERR_NGROK_516']);
    const [, name = '', value = ''] = /TXT record (\S+) with (\S+),/.exec(String(refused.body.msg)) ?? [];
    dns.set('TXT', name, value);
    const domain = await claim(owner, 'wanted.acme-five.com');
    await look(owner, domain);
    expect(await bind(owner, 'wanted.acme-five.com')).toMatchObject({ kind: 'granted' });
    expect(await bind(squatter, 'wanted.acme-five.com')).toMatchObject({ kind: 'refused', error: { code: 320 } });
    // And the proof of one account is no proof of another.
    const again = await test.call('POST', '/reserved_domains', { key: squatter.apiKey, body });
    expect(again.body.error_code).toBe('ERR_NGROK_320');
    const under = { domain: 'under.wanted.acme-five.com' };
    const beneath = await test.call('POST', '/reserved_domains', { key: squatter.apiKey, body: under });
    expect(beneath.body.error_code).toBe('ERR_NGROK_320');
  });

  it('is taken away a week after its proof has gone, and not because name servers are silent', async () => {
    const account = await test.newAccount();
    const domain = await proven(account, 'left.acme-six.com');
    dns.silent = true;
    test.advance(9 * DAY_MS);
    const silence = await test.call('POST', `/reserved_domains/${domain.id}/check`, { key: account.apiKey });
    expect([silence.status, silence.body.error_code]).toEqual([503, 'ERR_NGROK_517']);
    expect(await bind(account, 'left.acme-six.com')).toMatchObject({ kind: 'granted' });
    dns.silent = false;
    dns.set('TXT', domain.dns_status.txt_name);
    await vi.waitFor(async () => {
      test.advance(3_600_000);
      expect((await look(account, domain)).dns_status.unproven_since).not.toBeNull();
    }, 10_000);
    expect(await bind(account, 'left.acme-six.com')).toMatchObject({ kind: 'granted' });
    test.advance(7 * DAY_MS);
    await look(account, domain);
    expect(await bind(account, 'left.acme-six.com')).toMatchObject({ kind: 'refused', error: { code: 515 } });
  }, 30_000);

  it.each(['localhost', 'a.localhost', 'x.internal', 'com', '10.0.0.1', 'host.example'])(
    'cannot be %s, which is nobody’s to prove',
    async (domain) => {
      const answer = await test.call('POST', '/reserved_domains', { body: { domain } });
      expect([answer.status, answer.body.error_code]).toEqual([expect.any(Number), 'ERR_NGROK_341']);
    },
  );
});

describe('the certificates of domains', () => {
  const fetched = async (name: string) => {
    const box = createBoxKey();
    const answer = await test.edge.certificate({ nodeId: 'edge-1', name, boxKey: box.publicKey });
    if (answer.kind === 'none') return null;
    const sealed = Buffer.from(answer.sealedKey, 'base64');
    expect(sealed.includes('PRIVATE KEY')).toBe(false);
    const key = box.open(sealed, `certificate ${name}`).toString();
    return { version: answer.version, certificate: new X509Certificate(answer.chainPem), key };
  };
  const changed = async (name: string, version: string) =>
    (await test.edge.certificateVersions({ nodeId: 'edge-1', names: [{ name, version }] })).changed;

  it('are leaves of our own for names that were proven, and none for others', async () => {
    const account = await test.newAccount();
    await proven(account, 'tls.acme-seven.com');
    const leaf = await fetched('tls.acme-seven.com');
    expect(leaf?.certificate.checkHost('tls.acme-seven.com')).toBe('tls.acme-seven.com');
    expect((await fetched('a.tls.acme-seven.com'))?.certificate.subjectAltName).toBe('DNS:a.tls.acme-seven.com');
    expect((await fetched('*.tls.acme-seven.com'))?.certificate.subjectAltName).toBe('DNS:*.tls.acme-seven.com');
    expect(await changed('tls.acme-seven.com', leaf?.version ?? '')).toEqual([]);
    for (const name of ['acme-seven.com', 'free.portico.localhost', 'x', '']) expect(await fetched(name)).toBeNull();
    await test.restart();
    // The same CA, so that what edges keep stays as good.
    const again = await fetched('tls.acme-seven.com');
    expect(again?.certificate.issuer).toBe(leaf?.certificate.issuer);
    expect(again?.version).toBe(leaf?.version);
  });

  it('are those that the owner attached, for names under the base too, while they are valid', async () => {
    const account = await test.newAccount();
    const { chain, key } = await makeCertificate('own.portico.localhost');
    const call = (method: string, path: string, body?: object) =>
      test.call(method, path, { key: account.apiKey, body });
    const made = await call('POST', '/tls_certificates', { certificate_pem: chain, private_key_pem: key });
    const domain = await call('POST', '/reserved_domains', {
      domain: 'own.portico.localhost',
      certificate_id: made.body.id,
    });
    const attached = await fetched('own.portico.localhost');
    expect(attached).toMatchObject({ version: made.body.id, key });
    expect(attached?.certificate.raw.equals(new X509Certificate(chain).raw)).toBe(true);
    expect(await fetched('a.own.portico.localhost')).toBeNull();
    expect(await changed('own.portico.localhost', '')).toEqual(['own.portico.localhost']);
    expect((await call('DELETE', `/reserved_domains/${domain.body.id}/certificate`)).status).toBe(204);
    expect(await changed('own.portico.localhost', String(made.body.id))).toEqual(['own.portico.localhost']);
    expect(await fetched('own.portico.localhost')).toBeNull();
  });

  it('are not sealed to what is no key', async () => {
    const account = await test.newAccount();
    await proven(account, 'box.acme-eight.com');
    const asked = test.edge.certificate({ nodeId: 'edge-1', name: 'box.acme-eight.com', boxKey: 'AAAA' });
    await expect(asked).rejects.toMatchObject({ kind: 'rejected', status: 400 });
  });
});
