import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { type PorticoProcess, runPortico, startPortico } from '../support/portico-cli.ts';
import { httpUpstream, tcpUpstream } from '../support/upstream.ts';
import { visit, visitUntil } from '../support/visit.ts';

/** Asks the REST API with the first account's key, or another one. */
async function api(
  platform: PlatformProcess,
  method: string,
  path: string,
  body?: unknown,
  key = platform.ready.apiKey,
) {
  const response = await fetch(platform.ready.api.url + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      'ngrok-version': '2',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

describe('bad input', () => {
  let platform: PlatformProcess;
  let bystander: PorticoProcess;
  let upstream: Awaited<ReturnType<typeof httpUpstream>>;
  beforeAll(async () => {
    platform = await startPlatformProcess();
    upstream = await httpUpstream((_request, response) => response.end('undisturbed'));
    bystander = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'bystander']);
  });
  afterAll(async () => {
    const answer = await visit(platform.ready, bystander.url);
    expect(answer.body.toString()).toBe('undisturbed');
    await bystander.stop();
    await upstream.close();
    await platform.dispose();
  });
  const portico = (...args: string[]) =>
    runPortico([...args, '--config', platform.ready.agentConfigFile, '--log', 'stdout']);

  describe('authtokens', () => {
    it('105: a malformed one', async () => {
      const { code, output } = await portico('http', '3000', '--authtoken', 'nonsense');
      expect(output).toMatch(/ERROR:.*ERR_NGROK_105/s);
      expect(code).toBe(1);
    });

    it('107: one that looks right and that nobody has', async () => {
      const { authtoken } = platform.ready;
      const unknown = authtoken.slice(0, -6) + (authtoken.endsWith('aaaaaa') ? 'bbbbbb' : 'aaaaaa');
      const { code, output } = await portico('http', '3000', '--authtoken', unknown);
      expect(output).toMatch(/ERROR:.*ERR_NGROK_10[57]/s);
      expect(output).not.toContain(unknown);
      expect(code).toBe(1);
    });

    it('300: a revoked one, whose running tunnel ends within 5 s', async () => {
      const created = await api(platform, 'POST', '/credentials', { description: 'to be revoked' });
      expect(created.status).toBe(201);
      const tunnel = await startPortico(platform.ready, [
        'http',
        String(upstream.port),
        '--subdomain',
        'revoked',
        '--authtoken',
        created.body.token,
      ]);
      expect((await visit(platform.ready, tunnel.url)).status).toBe(200);
      const ended = once(tunnel.child, 'exit');
      const beganMs = performance.now();
      expect((await api(platform, 'DELETE', `/credentials/${created.body.id}`)).status).toBe(204);
      await visitUntil(platform.ready, tunnel.url, ({ status }) => status === 404);
      expect(performance.now() - beganMs).toBeLessThan(5_000);
      expect((await ended)[0]).toBe(1);
      expect(tunnel.output()).toContain('ERR_NGROK_300');
      const again = await portico('http', '3000', '--authtoken', created.body.token);
      expect(again.output).toContain('ERR_NGROK_300');
      expect(again.code).toBe(1);
    });

    it('207: an API key where an authtoken belongs', async () => {
      const { code, output } = await portico('http', '3000', '--authtoken', platform.ready.apiKey);
      expect(output).toContain('ERR_NGROK_207');
      expect(code).toBe(1);
    });
  });

  describe('names', () => {
    it('334: a name that another running agent has', async () => {
      const { code, output } = await portico('http', '3000', '--subdomain', 'bystander');
      expect(output).toContain('ERR_NGROK_334');
      expect(output).toContain('bystander.portico.localhost');
      expect(code).toBe(1);
    });

    it.each([
      [['http', '3000', '--subdomain', 'has space'], /ERR_NGROK_(326|328)/],
      [['http', '3000', '--subdomain', '-lead'], /ERR_NGROK_(326|328)/],
      [['http', '3000', '--subdomain', 'a'.repeat(64)], /ERR_NGROK_(326|328)/],
      [['http', '3000', '--subdomain', 'www'], /ERR_NGROK_341/],
      [['http', '3000', '--url', 'https://somebody.example'], /ERR_NGROK_319/],
      [['http', '3000', '--url', 'https://*.portico.localhost'], /ERR_NGROK_(318|341)/],
      [['http', '3000', '--url', 'ftp://x.portico.localhost'], /ERR_NGROK_(330|9037)|scheme/],
      [['tcp', '3000', '--url', 'tcp://localhost:99999'], /ERR_NGROK_(329|9037)|port/],
    ])('refuses %j', async (args, code) => {
      const run = await portico(...args);
      expect(run.output).toMatch(code);
      expect(run.output).toContain('ERROR:');
      expect(run.code).toBe(1);
    });
  });

  describe('commands', () => {
    it.each([
      [['http', '70000'], /70000/],
      [['http', 'not a port'], /not a port/],
      [['http'], /ADDR|address|port/i],
      [['htp', '3000'], /http/],
      [['http', '3000', '--subdomian', 'x'], /--subdomain/],
      [['http', '3000', '-subdomain', 'x'], /--subdomain/],
      [['http', '3000', '--log-level', 'loud'], /debug/],
    ])('explains %j', async (args, message) => {
      const run = await runPortico([...args, '--config', platform.ready.agentConfigFile]);
      expect(run.output).toMatch(message);
      expect(run.code).toBe(1);
    });

    it('names a configuration file that is not there, and one with an unknown key', async () => {
      const missing = await runPortico(['http', '3000', '--config', '/nowhere/agent.yml']);
      expect(missing.output).toContain('/nowhere/agent.yml');
      expect(missing.code).toBe(1);
    });
  });

  describe('hosts', () => {
    it('3200: a host that nobody serves, as text and as a page', async () => {
      const text = await visit(platform.ready, 'https://nobody.portico.localhost/');
      expect(text.status).toBe(404);
      expect(text.headers['ngrok-error-code']).toBe('ERR_NGROK_3200');
      expect(text.body.toString()).toContain('ERR_NGROK_3200');
      const page = await visit(platform.ready, 'https://nobody.portico.localhost/', {
        headers: { accept: 'text/html' },
      });
      expect(page.headers['content-type']).toMatch(/^text\/html/);
      expect(page.body.toString()).toContain('Nothing is online at this address');
      expect(page.body.toString()).not.toContain('<script');
    });
  });

  describe('upstreams', () => {
    it('8012: nothing listens: says where and why', async () => {
      const free = createServer().listen(0, '127.0.0.1');
      await once(free, 'listening');
      const address = free.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      await new Promise((resolve) => free.close(resolve));
      const tunnel = await startPortico(platform.ready, ['http', `127.0.0.1:${port}`, '--subdomain', 'down']);
      const answer = await visit(platform.ready, tunnel.url);
      expect(answer.status).toBe(502);
      expect(answer.headers['ngrok-error-code']).toBe('ERR_NGROK_8012');
      expect(answer.body.toString()).toContain(`127.0.0.1:${port}`);
      expect(answer.body.toString()).toMatch(/refused/i);
      await tunnel.stop();
    });

    const hostile = async (behave: (socket: Socket) => void, run: (url: string) => Promise<void>): Promise<void> => {
      const service = await tcpUpstream(behave);
      const tunnel = await startPortico(platform.ready, ['http', String(service.port), '--subdomain', 'hostile']);
      await run(tunnel.url);
      await tunnel.stop();
      await service.close();
    };

    it('502 when it closes without an answer, and when it resets', async () => {
      await hostile(
        (socket) => socket.once('data', () => socket.end()),
        async (url) => {
          expect((await visit(platform.ready, url)).status).toBe(502);
        },
      );
      await hostile(
        (socket) => socket.once('data', () => socket.resetAndDestroy()),
        async (url) => {
          expect((await visit(platform.ready, url)).status).toBe(502);
        },
      );
    });

    it('3004 when it does not speak HTTP', async () => {
      await hostile(
        (socket) => socket.once('data', () => socket.write('220 mail.example ESMTP\r\n')),
        async (url) => {
          const answer = await visit(platform.ready, url);
          expect(answer.status).toBe(502);
          expect(answer.headers['ngrok-error-code']).toBe('ERR_NGROK_3004');
        },
      );
    });

    it.each([
      ['with a length', 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\npartial'],
      ['in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nparti\r\n'],
    ])('lets the visitor tell that an answer %s was cut', async (_how, bytes) => {
      await hostile(
        (socket) => socket.once('data', () => socket.end(bytes)),
        async (url) => {
          await expect(visit(platform.ready, url)).rejects.toThrow();
        },
      );
    });
  });
});
