import { createHash, createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls';
import { newId } from '@portico/service';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../testing/certificates.ts';
import { silent, type TestAccount, TestApi } from '../testing/test-api.ts';
import { Deliveries } from './deliveries.ts';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver of HTTP on loopback; `status` is what it answers with. */
class Receiver {
  readonly received: Received[] = [];
  status: (request: Received) => number = () => 204;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method = '', url = '', headers } = request;
      const got = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
      const status = receiver.status(got);
      if (status < 300) receiver.received.push(got);
      response.writeHead(status).end(status < 300 ? '' : 'go away');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get events(): { event_id: string; event_type: string; object: Record<string, unknown> }[] {
    return this.received.map(({ body }) => JSON.parse(body));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Everything that came over TCP or TLS. */
async function collect(server: TcpServer): Promise<{ port: number; text: () => string; close: () => void }> {
  let text = '';
  server.on('tlsClientError', () => {});
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, text: () => text, close: () => server.close() };
}

const types = ['ip_policy_created.v0', 'ip_policy_updated.v0', 'ip_policy_deleted.v0', 'agent_session_start.v0'];

let test: TestApi;
let account: TestAccount;
let receiver: Receiver;
let certificate: Awaited<ReturnType<typeof makeCertificate>>;

beforeAll(async () => {
  certificate = await makeCertificate('syslog.portico.localhost');
  test = await TestApi.start({
    config: { outgoingAllow: ['127.0.0.0/8'] },
    limits: {
      deliveries: {
        sendersMax: 4,
        pollMs: 20,
        retryMs: 1,
        retryMaxMs: 5,
        refusalsMax: 3,
        lifeMs: 86_400_000,
        turnMs: 20_000,
        waitingMax: 20,
        deadMax: 10,
        deadLifeMs: 86_400_000,
      },
    },
    outgoing: { ca: [certificate.root], resolver: async () => ['127.0.0.1'] },
  });
  receiver = await Receiver.open();
});
afterEach(() => receiver.close());
afterAll(() => test.close());

async function make(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await test.call('POST', path, { key: account.apiKey, body });
  expect([answer.status, answer.text]).toEqual([201, answer.text]);
  return answer.body;
}

/** An account whose events go to this target; the id of the destination. */
async function subscribe(target: object): Promise<Record<string, unknown>> {
  account = await test.newAccount();
  const destination = await make('/event_destinations', { target });
  await make('/event_subscriptions', {
    sources: types.map((type) => ({ type })),
    destination_ids: [destination.id],
  });
  return destination;
}

const policy = (description: string) => make('/ip_policies', { description });
const act = (destination: Record<string, unknown>, verb: string) =>
  test.call('POST', `/event_destinations/${destination.id}/${verb}`, { key: account.apiKey });
const shown = async (destination: Record<string, unknown>) =>
  (await test.call('GET', `/event_destinations/${destination.id}`, { key: account.apiKey })).body;
const queue = async (destination: Record<string, unknown>) =>
  (await test.call('GET', `/event_destinations/${destination.id}/deliveries`, { key: account.apiKey })).body;
/** The clock of these tests stands still: what failed is tried again when it is moved. */
const later = () => test.advance(10);

describe('a webhook', () => {
  it('gets each change in order, once, with a signature that the library of its scheme accepts', async () => {
    receiver = await Receiver.open();
    const destination = await subscribe({ webhook: { url: `${receiver.url}/hook`, headers: { 'x-key': 'k' } } });
    const secret = String(Object(destination.target).webhook.signing_secret);
    for (const name of ['one', 'two', 'three']) await policy(name);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(3), 5_000);
    expect(receiver.events.map(({ object }) => object.description)).toEqual(['one', 'two', 'three']);
    expect(new Set(receiver.events.map(({ event_id }) => event_id)).size).toBe(3);
    for (const { method, url, headers, body } of receiver.received) {
      expect([method, url, headers['x-key'], headers['content-type']]).toEqual([
        'POST',
        '/hook',
        'k',
        'application/json',
      ]);
      const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
      expect(new Webhook(secret).verify(body, named)).toMatchObject({
        event_type: 'ip_policy_created.v0',
        account_id: account.accountId,
        principal: { source: 'API' },
      });
    }
    await vi.waitFor(
      async () =>
        expect((await shown(destination)).delivery_status).toMatchObject({
          state: 'active',
          delivered: 3,
          given_up: 0,
        }),
      10_000,
    );
    expect(await queue(destination)).toMatchObject({ pending: 0, given_up: 0 });
    expect(await test.database.queries.outboxEvent.count({ where: { accountId: account.accountId } })).toBe(0);
  });

  it('that is broken gets everything in order once it works again, however often it failed', async () => {
    receiver = await Receiver.open();
    let failures = 0;
    receiver.status = () => {
      failures += 1;
      return failures <= 6 ? 503 : 200;
    };
    const destination = await subscribe({ webhook: { url: receiver.url } });
    for (const name of ['one', 'two']) await policy(name);
    await vi.waitFor(async () => {
      later();
      expect(receiver.events.map(({ object }) => object.description)).toEqual(['one', 'two']);
    }, 10_000);
    await vi.waitFor(
      async () => expect((await shown(destination)).delivery_status).toMatchObject({ delivered: 2 }),
      10_000,
    );
  });

  it('that refuses an event loses only that one, and gets it when its owner asks for it', async () => {
    receiver = await Receiver.open();
    receiver.status = ({ body }) => (body.includes('poison') ? 422 : 200);
    const destination = await subscribe({ webhook: { url: receiver.url } });
    for (const name of ['one', 'poison', 'three']) await policy(name);
    await vi.waitFor(() => {
      later();
      expect(receiver.events.map(({ object }) => object.description)).toEqual(['one', 'three']);
    }, 10_000);
    await vi.waitFor(
      async () =>
        expect(await queue(destination)).toMatchObject({
          pending: 0,
          given_up: 1,
          given_up_events: [{ event_type: 'ip_policy_created.v0', attempts: 3, error: expect.stringContaining('422') }],
        }),
      10_000,
    );
    receiver.status = () => 200;
    expect((await act(destination, 'retry')).status).toBe(204);
    await vi.waitFor(() => expect(receiver.events.at(-1)?.object.description).toBe('poison'), 10_000);
  });

  it('gets nothing while it is paused, and then what came meanwhile', async () => {
    receiver = await Receiver.open();
    const destination = await subscribe({ webhook: { url: receiver.url } });
    expect((await act(destination, 'pause')).status).toBe(204);
    await policy('waiting');
    await vi.waitFor(async () => expect(await queue(destination)).toMatchObject({ pending: 1 }), 10_000);
    expect((await shown(destination)).delivery_status).toMatchObject({ state: 'paused' });
    expect(receiver.received).toEqual([]);
    expect((await act(destination, 'resume')).status).toBe(204);
    await vi.waitFor(() => expect(receiver.events[0]?.object.description).toBe('waiting'), 10_000);
  });

  it('gets what waited when the API was stopped', async () => {
    receiver = await Receiver.open();
    receiver.status = () => 500;
    await subscribe({ webhook: { url: receiver.url } });
    await policy('kept');
    await test.restart();
    receiver.status = () => 200;
    await vi.waitFor(() => {
      later();
      expect(receiver.events[0]?.object.description).toBe('kept');
    }, 10_000);
  });

  it('gets sessions that edges report, and nothing of other accounts', async () => {
    receiver = await Receiver.open();
    await subscribe({ webhook: { url: receiver.url } });
    const report = (accountId: string, seq: number, epoch: string) =>
      test.edge.reportEvents({
        nodeId: 'edge-1',
        epoch,
        seq,
        events: [
          {
            id: newId('ev'),
            type: 'agent_session_start.v0',
            at: test.now().toISOString(),
            accountId,
            object: { sessionId: 'ts_x', ip: '203.0.113.9', agentVersion: '3' },
          },
        ],
      });
    const epoch = newId('nd');
    await report(test.first.accountId, 1, epoch);
    await report(account.accountId, 2, epoch);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), 10_000);
    expect(receiver.events[0]).toMatchObject({
      event_type: 'agent_session_start.v0',
      object: { session_id: 'ts_x', agent_ip: '203.0.113.9', agent_version: '3' },
      principal: null,
    });
  });

  it('that never answers costs a bounded queue: the oldest are dropped and counted', async () => {
    receiver = await Receiver.open();
    receiver.status = () => 500;
    const destination = await subscribe({ webhook: { url: receiver.url } });
    for (let index = 0; index < 25; index += 1) await policy(`p${index}`);
    const limits = test.config.limits.deliveries;
    const sinkOf = () => {
      throw new Error('nothing is sent by this one');
    };
    await new Deliveries({ database: test.database, limits, now: () => test.now(), log: silent, sinkOf }).sweep();
    expect(await queue(destination)).toMatchObject({ pending: 20 });
    expect((await shown(destination)).delivery_status).toMatchObject({ given_up: 5 });
    receiver.status = () => 200;
    await vi.waitFor(() => {
      later();
      expect(receiver.events.at(-1)?.object.description).toBe('p24');
    }, 10_000);
    expect(receiver.events[0]?.object.description).toBe('p5');
  });
});

describe('the database', () => {
  it('says at once that an event waits: nobody waits for the next look', async () => {
    receiver = await Receiver.open();
    const own = await TestApi.start({ config: { outgoingAllow: ['127.0.0.0/8'] } });
    expect(own.config.limits.deliveries.pollMs).toBeGreaterThanOrEqual(5_000);
    const call = (path: string, body: object) => own.call('POST', path, { body });
    const destination = await call('/event_destinations', { target: { webhook: { url: receiver.url } } });
    const sources = [{ type: 'vault_created.v0' }];
    await call('/event_subscriptions', { sources, destination_ids: [destination.body.id] });
    // Whatever the start itself woke is over by now.
    await call('/vaults', { name: 'first' });
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), 4_000);
    const began = performance.now();
    await call('/vaults', { name: 'second' });
    await vi.waitFor(() => expect(receiver.received).toHaveLength(2), 4_000);
    expect(performance.now() - began).toBeLessThan(2_500);
    await own.close();
  });
});

describe('a test event', () => {
  it('arrives at once, or says why not', async () => {
    receiver = await Receiver.open();
    const destination = await subscribe({ webhook: { url: receiver.url } });
    expect((await act(destination, 'send_test_event')).status).toBe(204);
    expect(receiver.events).toMatchObject([{ event_type: 'test.v0' }]);
    receiver.status = () => 401;
    expect(await act(destination, 'send_test_event')).toMatchObject({
      status: 400,
      body: { error_code: 'ERR_NGROK_5113', msg: expect.stringContaining('401: go away') },
    });
  });

  it('reaches no private address unless the operator allows it', async () => {
    receiver = await Receiver.open();
    const strict = await TestApi.start();
    for (const target of [
      { webhook: { url: receiver.url } },
      { otlp: { url: 'http://169.254.169.254/v1/logs' } },
      { syslog: { address: '127.0.0.1:514' } },
      { s3: { endpoint: 'http://[::1]:9000', bucket: 'b', access_key_id: 'a', secret_access_key: 's' } },
    ]) {
      const made = await strict.call('POST', '/event_destinations', { body: { target } });
      const answer = await strict.call('POST', `/event_destinations/${made.body.id}/send_test_event`);
      expect([answer.status, answer.body.error_code]).toEqual([400, 'ERR_NGROK_5113']);
      expect(answer.text).toContain('may not be dialled');
    }
    await strict.close();
    expect(receiver.received).toEqual([]);
  });
});

describe('the secrets of a target', () => {
  it('stay when it is sent back as it was shown, and never go to another place', async () => {
    receiver = await Receiver.open();
    const url = `${receiver.url}/a`;
    const destination = await subscribe({
      webhook: { url, headers: { 'x-key': 'kept', 'x-old': 'o' }, signing_secret: 'a-secret' },
    });
    const change = (target: object) =>
      test.call('PATCH', `/event_destinations/${destination.id}`, { key: account.apiKey, body: { target } });
    const back = Object(await shown(destination)).target;
    expect(back.webhook).toMatchObject({ headers: { 'x-key': '', 'x-old': '' }, signing_secret: '' });
    expect(
      (await change({ webhook: { url, headers: { 'x-key': '', 'x-new': 'n' }, signing_secret: '' } })).status,
    ).toBe(200);
    await act(destination, 'send_test_event');
    const [{ headers, body }] = receiver.received as [Received];
    expect([headers['x-key'], headers['x-new'], headers['x-old']]).toEqual(['kept', 'n', undefined]);
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', 'a-secret').update(signed).digest('base64')}`);
    const moved = await change({ webhook: { url: `${receiver.url}/b`, headers: { 'x-key': '' } } });
    expect([moved.status, moved.body.error_code]).toEqual([400, 'ERR_NGROK_215']);
    const whole = { webhook: { url: `${receiver.url}/b`, headers: { 'x-key': 'again' }, signing_secret: 'b' } };
    expect((await change(whole)).status).toBe(200);
  });
});

describe('a file', () => {
  it('gets a line for each event, in a folder of the account', async () => {
    receiver = await Receiver.open();
    const destination = await subscribe({ file: { path: 'events.ndjson' } });
    for (const name of ['one', 'two']) await policy(name);
    const lines = async () =>
      (await readFile(join(test.folder, 'events', account.accountId, 'events.ndjson'), 'utf8')).trim().split('\n');
    await vi.waitFor(async () => expect(await lines()).toHaveLength(2), 10_000);
    expect((await lines()).map((line) => JSON.parse(line).object.description)).toEqual(['one', 'two']);
    for (const path of ['../x', '/etc/passwd', '.hidden', 'a/b', '', 'x.1']) {
      const answer = await test.call('PATCH', `/event_destinations/${destination.id}`, {
        key: account.apiKey,
        body: { target: { file: { path } } },
      });
      expect([path, answer.status]).toEqual([path, 400]);
    }
  });
});

describe('a syslog server', () => {
  it.each(['tcp', 'tls'] as const)('over %s gets frames of RFC 5424 with their length before them', async (kind) => {
    receiver = await Receiver.open();
    const server =
      kind === 'tls' ? createTlsServer({ cert: certificate.chain, key: certificate.key }) : createTcpServer();
    const collected = await collect(server);
    await subscribe({ syslog: { address: `syslog.portico.localhost:${collected.port}`, tls: kind === 'tls' } });
    await policy('größer');
    await policy('two');
    await vi.waitFor(() => expect(collected.text()).toContain('"two"'), 5_000);
    const messages = frames(collected.text());
    expect(messages).toHaveLength(2);
    for (const message of messages) {
      expect(message).toMatch(
        /^<134>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z portico portico - ip_policy_created\.v0 - \{[\x20-\x7e]*\}$/,
      );
    }
    const [first = ''] = messages;
    expect(JSON.parse(first.slice(first.indexOf('{')))).toMatchObject({ object: { description: 'größer' } });
    collected.close();
  });

  it('whose certificate is of nobody who is trusted gets nothing', async () => {
    receiver = await Receiver.open();
    const stranger = await makeCertificate('syslog.portico.localhost');
    const collected = await collect(createTlsServer({ cert: stranger.chain, key: stranger.key }));
    const destination = await subscribe({
      syslog: { address: `syslog.portico.localhost:${collected.port}`, tls: true },
    });
    const answer = await act(destination, 'send_test_event');
    expect([answer.status, answer.body.error_code]).toEqual([400, 'ERR_NGROK_5113']);
    expect(collected.text()).toBe('');
    collected.close();
  });
});

describe('an OpenTelemetry collector', () => {
  it('gets log records in one request', async () => {
    receiver = await Receiver.open();
    const destination = await subscribe({ otlp: { url: `${receiver.url}/v1/logs`, headers: { 'x-team': 't' } } });
    await act(destination, 'pause');
    for (const name of ['one', 'two']) await policy(name);
    await act(destination, 'resume');
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), 10_000);
    const [request] = receiver.received as [Received];
    expect([request.method, request.url, request.headers['x-team']]).toEqual(['POST', '/v1/logs', 't']);
    const { resourceLogs } = JSON.parse(request.body);
    expect(resourceLogs[0].resource.attributes).toEqual([{ key: 'service.name', value: { stringValue: 'portico' } }]);
    const records = resourceLogs[0].scopeLogs[0].logRecords;
    expect(records).toHaveLength(2);
    expect(records[0].timeUnixNano).toMatch(/^\d{19}$/);
    expect(records[0].attributes).toContainEqual({
      key: 'event.name',
      value: { stringValue: 'ip_policy_created.v0' },
    });
    expect(JSON.parse(records[1].body.stringValue)).toMatchObject({ object: { description: 'two' } });
  });
});

describe('an S3-compatible store', () => {
  it('gets one object a batch, under a signature that a server can check', async () => {
    receiver = await Receiver.open();
    const keys = { access_key_id: 'AKEXAMPLE', secret_access_key: 'very/secret+key' };
    receiver.status = (request) => (isSigned(request, keys.secret_access_key) ? 200 : 403);
    const target = { endpoint: receiver.url, bucket: 'logs', region: 'eu-1', prefix: 'portico/a b/', ...keys };
    const destination = await subscribe({ s3: target });
    await act(destination, 'pause');
    for (const name of ['one', 'two']) await policy(name);
    await act(destination, 'resume');
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), 10_000);
    const [request] = receiver.received as [Received];
    expect(request.method).toBe('PUT');
    expect(request.url).toMatch(/^\/logs\/portico\/a%20b\/\d{4}\/\d\d\/\d\d\/\d{6}-ev_\w+\.ndjson$/);
    const lines = request.body.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).object.description)).toEqual(['one', 'two']);
    const wrong = { s3: { ...target, secret_access_key: 'wrong' } };
    await test.call('PATCH', `/event_destinations/${destination.id}`, { key: account.apiKey, body: { target: wrong } });
    expect((await act(destination, 'send_test_event')).text).toContain('answers 403');
  });
});

function frames(text: string): string[] {
  const messages: string[] = [];
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const space = rest.indexOf(0x20);
    const length = Number(rest.subarray(0, space).toString());
    messages.push(rest.subarray(space + 1, space + 1 + length).toString('utf8'));
    rest = rest.subarray(space + 1 + length);
  }
  return messages;
}

/** The server's side of AWS Signature 4 for S3, from its documentation. */
function isSigned({ method, url, headers, body }: Received, secret: string): boolean {
  const parts = /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  );
  if (parts === null) return false;
  const [, credential = '', signedHeaders = '', signature] = parts;
  const [, date = '', region = '', service = ''] = credential.split('/');
  const payload = String(headers['x-amz-content-sha256']);
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(body)) return false;
  const canonical = [
    method,
    url,
    '',
    ...signedHeaders.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signedHeaders,
    payload,
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, toSign).toString('hex') === signature;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
