import { Ngrok } from '@ngrok/ngrok-api';
import { makeCertificate } from '@portico/api/testing/certificates';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { httpUpstream } from '../support/upstream.ts';

/** The unmodified @ngrok/ngrok-api of npm: every resource of ours that it knows, with all its verbs. */
describe('the JavaScript client of the REST API', () => {
  let env: DevEnv;
  let client: Ngrok;
  beforeAll(async () => {
    env = await startDevEnv();
    client = new Ngrok({ apiToken: env.apiKey, baseUrl: env.api.publicUrl });
  });
  afterAll(() => env.close());

  interface Service<C, U, T extends { id: string }> {
    create(arg: C): Promise<T>;
    get(id: string): Promise<{ id: string; description?: string; metadata?: string }>;
    list(beforeId?: string, limit?: string): Promise<{ id: string }[]>;
    update(arg: U): Promise<{ id: string; description?: string }>;
    delete(id: string): Promise<void>;
  }

  /** Makes two, reads, lists by pages of one, changes one, removes both. The answer of the first `create`. */
  async function lifeOf<C, U, T extends { id: string }>(
    service: Service<C, U, T>,
    bodies: [C, C],
    update: (id: string) => U,
  ): Promise<T> {
    const first = await service.create(bodies[0]);
    const second = await service.create(bodies[1]);
    expect((await service.get(first.id)).id).toBe(first.id);
    const ids = (await service.list()).map((item) => item.id);
    expect(ids).toEqual(expect.arrayContaining([first.id, second.id]));
    // It pages with a parameter of its own spelling, and would go round for ever.
    expect((await service.list(undefined, '1')).map((item) => item.id)).toEqual(ids);
    expect((await service.update(update(first.id))).id).toBe(first.id);
    await service.delete(first.id);
    await service.delete(second.id);
    await expect(service.get(first.id)).rejects.toMatchObject({ statusCode: 404, errorCode: 'ERR_NGROK_404' });
    return first;
  }

  const texts = { description: 'of a test', metadata: '{"a":1}' };
  const described = (id: string) => ({ id, description: 'changed' });

  it('drives SSH public keys, and asks for visitors who signed in', async () => {
    const kind = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32])]);
    const publicKey = `ssh-ed25519 ${Buffer.concat([kind, Buffer.alloc(32, 7)]).toString('base64')} me@here`;
    const body = { ...texts, publicKey, acl: ['bind:*.example.com'] };
    const made = await lifeOf(client.sshCredentials, [body, { ...body, acl: [] }], described);
    expect(made).toMatchObject({ publicKey, acl: ['bind:*.example.com'] });
    await expect(client.sshCredentials.create({ ...body, publicKey: 'ssh-ed25519 AAAA' })).rejects.toMatchObject({
      statusCode: 400,
      errorCode: 'ERR_NGROK_215',
    });
    expect(await client.applicationUsers.list()).toEqual([]);
    expect(await client.applicationSessions.list()).toEqual([]);
    await expect(client.applicationUsers.get('appusr_x')).rejects.toMatchObject({ statusCode: 404 });
  });

  it('drives API keys and authtokens, and sees each secret once', async () => {
    const key = await lifeOf(client.apiKeys, [texts, texts], described);
    expect(key).toMatchObject({ ...texts, token: expect.stringMatching(/^pak_/) });
    const credential = await lifeOf(
      client.credentials,
      [
        { ...texts, acl: ['bind:*'] },
        { ...texts, acl: [] },
      ],
      described,
    );
    expect(credential).toMatchObject({ acl: ['bind:*'], token: expect.stringMatching(/^pat_/) });
    const kept = await client.credentials.create({ ...texts, acl: ['bind:*'] });
    expect(await client.credentials.update({ id: kept.id, acl: [] })).toMatchObject({ acl: [], ...texts, token: null });
    await client.credentials.delete(kept.id);
  });

  it('drives reserved domains with their certificates, and TLS certificates', async () => {
    const made = await makeCertificate('kept.portico.localhost');
    const pair = { certificatePem: made.chain, privateKeyPem: made.key };
    const certificate = await lifeOf(client.tlsCertificates, [{ ...texts, ...pair }, pair], described);
    expect(certificate).toMatchObject({
      subjectAlternativeNames: { dnsNames: ['kept.portico.localhost'], ips: [] },
      privateKeyType: 'ecdsa',
      keyUsages: ['digital_signature'],
      extendedKeyUsages: ['server_auth'],
    });
    expect(JSON.stringify(certificate)).not.toContain('PRIVATE KEY');
    const names = ['one', 'two'].map((name) => ({ ...texts, domain: `${name}.portico.localhost`, region: 'us' }));
    const [one, two] = names;
    if (one === undefined || two === undefined) throw new Error('two names');
    const domain = await lifeOf(client.reservedDomains, [one, two], described);
    expect(domain).toMatchObject({ domain: 'one.portico.localhost', certificate: null });

    const { id: certificateId } = await client.tlsCertificates.create(pair);
    const kept = await client.reservedDomains.create({ domain: 'kept.portico.localhost', region: '', certificateId });
    expect(kept.certificate).toMatchObject({ id: certificateId });
    await expect(client.tlsCertificates.delete(certificateId)).rejects.toMatchObject({ statusCode: 409 });
    await client.reservedDomains.deleteCertificate(kept.id);
    await client.reservedDomains.deleteCertificateManagementPolicy(kept.id);
    expect((await client.reservedDomains.get(kept.id)).certificate).toBeNull();
    await client.tlsCertificates.delete(certificateId);
    await client.reservedDomains.delete(kept.id);
  });

  it('drives reserved addresses', async () => {
    const addr = await lifeOf(
      client.reservedAddrs,
      [
        { ...texts, region: 'us' },
        { ...texts, region: 'us' },
      ],
      described,
    );
    expect(addr).toMatchObject({ addr: expect.stringMatching(/^localhost:\d+$/) });
  });

  it('drives certificate authorities', async () => {
    const { root } = await makeCertificate('a.portico.localhost');
    const authority = await lifeOf(
      client.certificateAuthorities,
      [{ ...texts, caPem: root }, { caPem: root }],
      described,
    );
    expect(authority).toMatchObject({ subjectCommonName: 'Test root', keyUsages: ['cert_sign', 'crl_sign'] });
  });

  it('drives IP policies, their rules and IP restrictions', async () => {
    await lifeOf(client.ipPolicies, [texts, texts], described);
    const policy = await client.ipPolicies.create(texts);
    const rule = await lifeOf(
      client.ipPolicyRules,
      [
        { cidr: '10.0.0.0/8', ipPolicyId: policy.id, action: 'deny' },
        { cidr: '2001:db8::/32', ipPolicyId: policy.id, action: 'allow' },
      ],
      (id) => ({ id, cidr: '10.1.0.0/16' }),
    );
    expect(rule).toMatchObject({ ipPolicy: { id: policy.id }, action: 'deny', cidr: '10.0.0.0/8' });
    const restriction = await lifeOf(
      client.ipRestrictions,
      [
        { type: 'endpoints', enforced: false, ipPolicyIds: [policy.id] },
        { type: 'dashboard', enforced: false, ipPolicyIds: [policy.id] },
      ],
      (id) => ({ id, ipPolicyIds: [policy.id] }),
    );
    expect(restriction).toMatchObject({ type: 'endpoints', enforced: false, ipPolicies: [{ id: policy.id }] });
    await client.ipPolicies.delete(policy.id);
  });

  it('drives event destinations, subscriptions and their sources', async () => {
    const target = {
      datadog: { apiKey: 'secret-of-datadog', ddtags: 'a:b', service: 'portico', ddsite: 'datadoghq.eu' },
    };
    const destination = await lifeOf(
      client.eventDestinations,
      [
        { format: 'json', target },
        { format: 'json', target },
      ],
      described,
    );
    expect(JSON.stringify(destination)).not.toContain('secret-of-datadog');
    const { id: destinationId } = await client.eventDestinations.create({ format: 'json', target });
    const body = { sources: [{ type: 'ip_policy_created.v0' }], destinationIds: [destinationId] };
    const subscription = await lifeOf(client.eventSubscriptions, [body, body], described);
    expect(subscription).toMatchObject({
      sources: [{ type: 'ip_policy_created.v0' }],
      destinations: [{ id: destinationId }],
    });

    const { id: subscriptionId } = await client.eventSubscriptions.create(body);
    await expect(client.eventDestinations.delete(destinationId)).rejects.toMatchObject({ errorCode: 'ERR_NGROK_5112' });
    const source = { subscriptionId, type: 'vault_created.v0' };
    expect(await client.eventSources.create(source)).toMatchObject({ type: source.type });
    expect(await client.eventSources.get(source)).toMatchObject({ type: source.type });
    expect(await client.eventSources.update(source)).toMatchObject({ type: source.type });
    expect((await client.eventSources.list({ subscriptionId })).sources).toHaveLength(2);
    await client.eventSources.delete(source);
    expect((await client.eventSources.list({ subscriptionId })).sources).toHaveLength(1);
    await client.eventSubscriptions.delete(subscriptionId);
    await client.eventDestinations.delete(destinationId);
  });

  it('drives service users under their older name', async () => {
    const user = await lifeOf(client.botUsers, [{ name: 'ci' }, { name: 'cd' }], (id) => ({ id, active: false }));
    expect(user).toMatchObject({ id: expect.stringMatching(/^bot_/), name: 'ci', active: true });
  });

  it('sees endpoints, tunnels and sessions, and stops a session', async () => {
    const upstream = await httpUpstream((_request, response) => response.end('hello'));
    const agent = env.agent();
    const endpoint = await agent.forward({ proto: 'http', subdomain: 'seen', upstream: String(upstream.port) });
    const [seen] = await client.endpoints.list();
    if (seen === undefined) throw new Error('no endpoint is listed');
    expect(await client.endpoints.get(seen.id)).toMatchObject({ publicUrl: endpoint.url, type: 'ephemeral' });
    const [tunnel] = await client.tunnels.list();
    expect(await client.tunnels.get(tunnel?.id)).toMatchObject({ publicUrl: endpoint.url, endpoint: { id: seen.id } });
    const [session] = await client.tunnelSessions.list();
    expect(await client.tunnelSessions.get(session?.id)).toMatchObject({ id: session?.id, transport: 'ngrok/2' });
    await expect(client.tunnelSessions.update({ id: session?.id ?? '' })).rejects.toMatchObject({
      errorCode: 'ERR_NGROK_808',
    });
    await client.tunnelSessions.restart(session?.id);
    await vi.waitFor(
      () => expect(client.tunnelSessions.get(session?.id)).rejects.toMatchObject({ statusCode: 404 }),
      10_000,
    );
    const again = await vi.waitUntil(async () => (await client.tunnelSessions.list())[0], 10_000);
    await client.tunnelSessions.stop(again.id);
    await vi.waitFor(async () => expect(await client.tunnelSessions.list()).toEqual([]), 10_000);
    await agent.close();
    await upstream.close();
  });

  it('finds lists of what was withdrawn empty', async () => {
    expect(await client.edges.edgesHttps.list()).toEqual([]);
    expect(await client.backends.weightedBackends.list()).toEqual([]);
    await expect(client.edges.edgesHttps.create({})).rejects.toMatchObject({ errorCode: 'ERR_NGROK_7008' });
  });

  it('is told of failures in words', async () => {
    const wrong = new Ngrok({ apiToken: 'nonsense', baseUrl: env.api.publicUrl });
    await expect(wrong.ipPolicies.list()).rejects.toMatchObject({ errorCode: 'ERR_NGROK_202', statusCode: 401 });
    await expect(client.reservedDomains.create({ domain: '', region: '' })).rejects.toMatchObject({ statusCode: 400 });
  });
});
