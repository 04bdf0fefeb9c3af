import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Change, type CommandOutcome, InternalApiError, InternalClient } from '@portico/api-contract/internal';
import { revokeNodeCredential } from '@portico/db';
import { checkIssuingCa, createKeyPair, type KeyPair, provePossession } from '@portico/pki';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeToken } from '../../secrets/token.ts';
import { claimOnline, sessionOnline } from '../../testing/online.ts';
import { TestApi } from '../../testing/test-api.ts';

let test: TestApi;

beforeAll(async () => {
  test = await TestApi.start({ limits: { pingMs: 100 } });
});

afterAll(() => test.close());

/** What comes on a changes stream from now on. */
async function listen(): Promise<{ changes: Change[]; stop: () => Promise<void> }> {
  const stopping = new AbortController();
  const changes: Change[] = [];
  let running: Promise<void> = Promise.resolve();
  await new Promise<void>((opened, failed) => {
    running = (async () => {
      const options = { nodeId: 'edge-1', epoch: 'e', signal: stopping.signal, onOpen: opened };
      for await (const change of test.edge.changes(options)) changes.push(change);
    })();
    running.catch(failed);
  });
  return {
    changes,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

describe('the internal listener', () => {
  it('answers nobody without a node credential of the right kind', async () => {
    const as = (credential: string) => {
      const client = new InternalClient({ baseUrl: test.api.internalUrl, credential });
      const asked = client.reconcile({ nodeId: 'x', grants: [] });
      return asked.then(
        () => 'answered',
        (error: InternalApiError) => error.kind,
      );
    };
    expect(await as(test.edgeCredential)).toBe('answered');
    for (const credential of [
      test.dashboardCredential,
      test.first.apiKey,
      test.first.authtoken,
      makeToken('node', newId('nd')),
      `${test.edgeCredential.slice(0, -1)}${test.edgeCredential.endsWith('0') ? '1' : '0'}`,
      'x',
    ]) {
      expect(await as(credential)).toBe('unauthorized');
    }
    const bare = await fetch(`${test.api.internalUrl}/internal/v1/registry/watch?from=1`);
    expect(bare.status).toBe(401);
    const overview = await fetch(`${test.api.internalUrl}/dashboard/v1/overview`, {
      headers: { authorization: `Bearer ${test.edgeCredential}` },
    });
    expect(overview.status).toBe(401);
  });

  it('listens on loopback only', () => {
    expect(new URL(test.api.internalUrl).hostname).toBe('127.0.0.1');
    expect(new URL(test.api.publicUrl).hostname).toBe('127.0.0.1');
  });

  it('says that a request is wrong, and not that it may be tried again', async () => {
    const asked = test.edge.reportUsage({ nodeId: '', epoch: 'e', seq: 1, rows: [] });
    await expect(asked).rejects.toMatchObject({ kind: 'rejected', status: 400 });
  });

  it('is not disturbed by a caller that sends half a request and goes', async () => {
    const { port } = new URL(test.api.internalUrl);
    for (let i = 0; i < 20; i += 1) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => {
          socket.write(
            `POST /internal/v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${test.edgeCredential}\r\n`,
          );
          socket.write('content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"nodeId":', () =>
            socket.destroy(),
          );
        });
        socket.on('close', () => resolve());
      });
    }
    expect(await test.edge.reconcile({ nodeId: 'x', grants: [] })).toEqual({ gone: [], changed: [] });
  });
});

describe('hello', () => {
  it('gives the keys of bind tokens, the same to every edge and after a restart', async () => {
    const hello = () => test.edge.hello({ nodeId: 'edge-1', epoch: 'e', kind: 'edge', version: '1' });
    const first = await hello();
    expect(first.baseDomain).toBe('portico.localhost');
    expect(first.bindKeys.map((key) => Buffer.from(key.secret, 'base64').length)).toEqual([32]);
    await test.restart();
    expect((await hello()).bindKeys).toEqual(first.bindKeys);
  });

  it('gives a new key each week, and forgets one when its tokens have all expired', async () => {
    const own = await TestApi.start({ limits: { sweepMs: 50 } });
    const keys = async () =>
      (await own.edge.hello({ nodeId: 'edge-1', epoch: 'e', kind: 'edge', version: '1' })).bindKeys;
    const [oldest] = await keys();
    own.advance(8 * 86_400_000);
    await vi.waitFor(async () => expect(await keys()).toHaveLength(2), 5_000);
    expect((await keys())[1]).toEqual(oldest);
    own.advance(31 * 86_400_000);
    await vi.waitFor(async () => expect((await keys()).some((key) => key.id === oldest?.id)).toBe(false), 5_000);
    await own.close();
  });
});

describe('the changes stream', () => {
  it('tells every edge at once when a token is changed or revoked', async () => {
    const [one, two] = [await listen(), await listen()];
    const { credentialId, apiKey } = await test.newAccount();
    await test.call('PATCH', `/credentials/${credentialId}`, { key: apiKey, body: { acl: ['bind:*'] } });
    const began = performance.now();
    await test.call('DELETE', `/credentials/${credentialId}`, { key: apiKey });
    for (const { changes } of [one, two]) {
      await vi.waitFor(
        () =>
          expect(changes).toEqual([
            { kind: 'grant-changed', credentialId },
            { kind: 'grant-revoked', credentialId },
          ]),
        10_000,
      );
    }
    expect(performance.now() - began).toBeLessThan(5_000);
    await one.stop();
    await two.stop();
  });

  it('carries orders to a session, given through the public API, and brings back what came of them', async () => {
    const { changes, stop } = await listen();
    const { accountId, apiKey } = await test.newAccount();
    const sessionId = newId('ts');
    await sessionOnline(test.registry(), { sessionId, accountId });
    await vi.waitFor(
      async () => expect((await test.call('GET', `/tunnel_sessions/${sessionId}`, { key: apiKey })).status).toBe(200),
      10_000,
    );
    const order = async (command: string, outcome: CommandOutcome, body: unknown = sessionId) => {
      // One client sends the bare id and calls it JSON.
      const answered = test.call('POST', `/tunnel_sessions/${sessionId}/${command}`, {
        key: apiKey,
        body,
        headers: { 'content-type': 'application/json', 'user-agent': 'ngrok-api-typescript/0.11.0' },
      });
      const change = await vi.waitUntil(() => changes.shift());
      expect(change).toMatchObject({ kind: 'session-command', sessionId, command });
      const commandId = change.kind === 'session-command' ? change.commandId : '';
      await test.edge.reportOutcome({ nodeId: 'edge-1', commandId, outcome });
      return { ...(await answered), change };
    };
    expect(await order('stop', { kind: 'accepted' })).toMatchObject({ status: 200, text: '{}' });
    const refused = await order('restart', { kind: 'refused', reason: 'no such handler' });
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'ERR_NGROK_806' } });
    expect(refused.body.msg).toContain('no such handler');
    expect(await order('update', { kind: 'silent' }, { version: '3.1.0' })).toMatchObject({
      status: 504,
      body: { error_code: 'ERR_NGROK_810' },
      change: { version: '3.1.0' },
    });
    await stop();
  });

  it('tells when an endpoint of an agent is to be stopped', async () => {
    const { changes, stop } = await listen();
    const { accountId, apiKey } = await test.newAccount();
    const endpointId = newId('ep');
    const url = 'https://stopped.portico.localhost';
    await claimOnline(test.registry(), { sessionId: newId('ts'), accountId, endpointId, url });
    await vi.waitFor(
      async () => expect((await test.call('DELETE', `/endpoints/${endpointId}`, { key: apiKey })).status).toBe(204),
      10_000,
    );
    await vi.waitFor(() => expect(changes).toMatchObject([{ kind: 'stop-endpoint', endpointId }]), 10_000);
    await stop();
  });

  it('tells when a domain gets or loses its owner', async () => {
    const { changes, stop } = await listen();
    const { accountId, apiKey } = await test.newAccount();
    const made = await test.call('POST', '/reserved_domains', {
      key: apiKey,
      body: { name: 'told.portico.localhost' },
    });
    await test.call('DELETE', `/reserved_domains/${made.body.id}`, { key: apiKey });
    await vi.waitFor(
      () =>
        expect(changes).toEqual([
          { kind: 'domain-changed', host: 'told.portico.localhost', accountId },
          { kind: 'domain-changed', host: 'told.portico.localhost', accountId: null },
        ]),
      10_000,
    );
    await stop();
  });

  it('ends when the API stops, and can be opened again afterwards', async () => {
    const { stop } = await listen();
    await test.restart();
    await stop();
    const again = await listen();
    await again.stop();
  });

  it('is given up by the client when it falls silent', async () => {
    const silent = await TestApi.start({ limits: { pingMs: 60_000 } });
    const client = new InternalClient({
      baseUrl: silent.api.internalUrl,
      credential: silent.edgeCredential,
      changesSilenceMs: 200,
    });
    const reading = (async () => {
      for await (const _ of client.changes({ nodeId: 'edge-1', epoch: 'e' })) {
        // Nothing comes.
      }
    })();
    await expect(reading).rejects.toBeInstanceOf(InternalApiError);
    client.close();
    await silent.close();
  });
});

describe('reports', () => {
  const row = (accountId: string, endpointId: string) => ({
    accountId,
    endpointId,
    url: 'https://a.portico.localhost',
    minute: '2026-03-01T10:00:00.000Z',
    requests: 3,
    connections: 2,
    bytesIn: 10,
    bytesOut: 20,
    errors: 1,
  });

  it('of usage count once, however often they come', async () => {
    const { accountId } = await test.newAccount();
    const report = {
      nodeId: 'edge-1',
      epoch: newId('nd'),
      seq: 1,
      rows: [row(accountId, 'ep_1'), row(accountId, 'ep_2')],
    };
    const answers = await Promise.all(Array.from({ length: 5 }, () => test.edge.reportUsage(report)));
    expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(1);
    expect(await test.edge.reportUsage(report)).toEqual({ accepted: true, duplicate: true });
    expect(await test.edge.reportUsage({ ...report, seq: 2 })).toEqual({ accepted: true, duplicate: false });
    const stored = await test.database.queries.usage.findMany({ where: { accountId }, orderBy: { endpointId: 'asc' } });
    expect(stored.map((usage) => [usage.endpointId, Number(usage.requests), Number(usage.bytesOut)])).toEqual([
      ['ep_1', 6, 40],
      ['ep_2', 6, 40],
    ]);
  });

  it('of events count once, by batch and by event', async () => {
    const { accountId } = await test.newAccount();
    const event = {
      id: newId('ev'),
      type: 'endpoint_start.v0' as const,
      at: '2026-03-01T10:00:00.000Z',
      accountId,
      object: { url: 'https://a.portico.localhost' },
    };
    const batch = { nodeId: 'edge-1', epoch: newId('nd'), seq: 1, events: [event] };
    expect((await test.edge.reportEvents(batch)).duplicate).toBe(false);
    expect((await test.edge.reportEvents(batch)).duplicate).toBe(true);
    await test.edge.reportEvents({ ...batch, seq: 2 });
    expect(await test.database.queries.lifecycleEvent.count({ where: { accountId } })).toBe(1);
  });
});

describe('certificates', () => {
  it('of an edge are signed over its own key, for our names only', async () => {
    const keys = await createKeyPair();
    const { publicKeyPem, privateKeyPem } = keys;
    const proof = provePossession(keys, 'edge-1');
    const answer = await test.edge.signIssuing({ nodeId: 'edge-1', publicKeyPem, proof });
    checkIssuingCa({ certificatePem: answer.chainPem, rootPem: answer.rootPem, privateKeyPem, now: test.now() });
    expect(answer.rootPem).toBe(await readFile(join(test.folder, 'ca.pem'), 'utf8'));
    expect(new Date(answer.notAfter)).toEqual(new X509Certificate(answer.chainPem).validToDate);
    await test.restart();
    expect((await test.edge.signIssuing({ nodeId: 'edge-1', publicKeyPem, proof })).rootPem).toBe(answer.rootPem);
  });

  it('are not made over what is no key', async () => {
    const asked = test.edge.signIssuing({ nodeId: 'edge-1', publicKeyPem: 'nonsense', proof: 'AAAA' });
    await expect(asked).rejects.toMatchObject({ kind: 'rejected', status: 400 });
  });
});

describe('the proof that an edge holds its key', () => {
  it.each([
    ['for another node', async (keys: KeyPair) => provePossession(keys, 'edge-2')],
    [
      'by another key',
      async ({ publicKeyPem }: KeyPair) =>
        provePossession({ publicKeyPem, privateKeyPem: (await createKeyPair()).privateKeyPem }, 'edge-1'),
    ],
    ['that is none', async () => 'AAAA'],
    ['that is missing', async () => ''],
  ])('%s signs nothing', async (_what, prove) => {
    const keys = await createKeyPair();
    const asked = test.edge.signIssuing({
      nodeId: 'edge-1',
      publicKeyPem: keys.publicKeyPem,
      proof: await prove(keys),
    });
    await expect(asked).rejects.toMatchObject({ kind: 'rejected', status: 400 });
  });
});

describe('the owner of a host', () => {
  it('is who reserved it, or what it lies under', async () => {
    const { accountId, apiKey } = await test.newAccount();
    await test.call('POST', '/reserved_domains', { key: apiKey, body: { domain: 'owned.portico.localhost' } });
    const lookup = (host: string) => test.edge.lookupDomain({ nodeId: 'edge-1', host });
    expect(await lookup('owned.portico.localhost')).toEqual({ reserved: true, accountId });
    expect(await lookup('A.owned.portico.localhost.')).toEqual({ reserved: true, accountId });
    for (const host of ['free.portico.localhost', 'portico.localhost', 'example.com', 'not a name', '']) {
      expect(await lookup(host)).toEqual({ reserved: false, accountId: null });
    }
  });
});

describe('what is online', () => {
  it('shows in the public lists while its lease lives', async () => {
    const { accountId, apiKey } = await test.newAccount();
    const registry = test.registry();
    const [sessionId, endpointId] = [newId('ts'), newId('ep')];
    const url = 'tcp://localhost:20500';
    await sessionOnline(registry, { sessionId, accountId, metadata: 'm' });
    const lease = await claimOnline(registry, { sessionId, accountId, endpointId, url, forwardsTo: 'localhost:22' });
    const listed = async () => (await test.call('GET', '/endpoints', { key: apiKey })).body.endpoints;
    const tunnelId = `tn_${endpointId.slice(3)}`;
    await vi.waitFor(
      async () =>
        expect(await listed()).toMatchObject([
          {
            id: endpointId,
            type: 'ephemeral',
            public_url: url,
            proto: 'tcp',
            host: 'localhost',
            port: 20_500,
            hostport: 'localhost:20500',
            upstream_url: 'localhost:22',
            region: 'test',
            tunnel: { id: tunnelId },
            tunnel_session: { id: sessionId, uri: `${test.api.publicUrl}/tunnel_sessions/${sessionId}` },
          },
        ]),
      10_000,
    );
    expect((await test.call('GET', '/tunnels', { key: apiKey })).body.tunnels).toMatchObject([
      { id: tunnelId, public_url: url, forwards_to: 'localhost:22', endpoint: { id: endpointId } },
    ]);
    expect((await test.call('GET', `/tunnel_sessions/${sessionId}`, { key: apiKey })).body).toMatchObject({
      id: sessionId,
      agent_version: '3.39.0',
      ip: '203.0.113.9',
      transport: 'ngrok/2',
      metadata: 'm',
      credential: { id: 'cr_test' },
    });
    await lease.revoke();
    await vi.waitFor(async () => expect(await listed()).toEqual([]), 10_000);
  });

  it('does not hide the rest when one value cannot be understood', async () => {
    const { accountId, apiKey } = await test.newAccount();
    const registry = test.registry();
    const lease = await registry.lease(10);
    for (const value of ['{', '{}', '7']) {
      const key = `claims/https/bad-${value.length}.portico.localhost`;
      await registry.txn({ if: [{ kind: 'absent', key }], then: [{ kind: 'put', key, value, lease: lease.id }] });
    }
    await claimOnline(registry, {
      sessionId: newId('ts'),
      accountId,
      endpointId: newId('ep'),
      url: 'https://good.portico.localhost',
    });
    await vi.waitFor(async () => {
      expect((await test.call('GET', '/endpoints', { key: apiKey })).body.endpoints).toHaveLength(1);
    }, 10_000);
  });
});

describe('a revoked node credential', () => {
  it('stops to work within seconds', async () => {
    const own = await TestApi.start();
    const [, id] = own.edgeCredential.split('_');
    await revokeNodeCredential(own.database.queries, `nd_${id}`, own.now());
    const asked = () =>
      own.edge.reconcile({ nodeId: 'x', grants: [] }).then(
        () => 'answered',
        (error: InternalApiError) => error.kind,
      );
    await vi.waitFor(async () => expect(await asked()).toBe('unauthorized'), { timeout: 15_000, interval: 200 });
    // The next start makes a new one.
    await own.restart();
    const written = (await readFile(join(own.folder, 'node-edge.credential'), 'utf8')).trim();
    expect(written).not.toBe(own.edgeCredential);
    const renewed = new InternalClient({ baseUrl: own.api.internalUrl, credential: written });
    expect(await renewed.reconcile({ nodeId: 'x', grants: [] })).toEqual({ gone: [], changed: [] });
    renewed.close();
    await own.close();
  });
});
