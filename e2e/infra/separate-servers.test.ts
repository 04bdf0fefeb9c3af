import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from '@portico/postgres';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { endWithTests } from '../support/own-processes.ts';
import { checkout } from '../support/platform.ts';
import { startPortico } from '../support/portico-cli.ts';
import { httpUpstream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';

const NOBODY = 65_534;

interface Unit {
  readonly command: string[];
  readonly environment: Record<string, string>;
  readonly unset: string[];
}

/** What a systemd unit runs: its ExecStart, with this checkout where the unit has /opt/portico. */
function readUnit(name: string): Unit {
  const text = readFileSync(join(checkout, 'infra/systemd', name), 'utf8');
  const values = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((match) => match[1] ?? '');
  return {
    command: (values('ExecStart')[0] ?? '').split(' '),
    environment: Object.fromEntries(
      values('Environment').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
    unset: values('UnsetEnvironment').flatMap((names) => names.split(' ')),
  };
}

describe('the servers as separate processes', () => {
  const running: ChildProcess[] = [];
  const asRoot = process.getuid?.() === 0;
  const folder = mkdtempSync(join(tmpdir(), 'portico-infra-'));
  afterAll(async () => {
    for (const child of running.reverse()) {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('run by the commands of the systemd units, as an unprivileged user, on a Postgres of their own', async () => {
    const database = await createTestDatabase();
    const state = join(folder, 'state');
    mkdirSync(state);
    chmodSync(folder, 0o755);
    if (asRoot) chownSync(state, NOBODY, NOBODY);
    const ports = await freePorts(['http', 'https', 'connect', 'api', 'dashboard', 'internal']);
    const settings = {
      DATABASE_URL: database.url,
      PORTICO_BASE_DOMAIN: 'tunnel.localhost',
      PORTICO_HTTP_PORT: String(ports.http),
      PORTICO_HTTPS_PORT: String(ports.https),
      PORTICO_CONNECT_PORT: String(ports.connect),
      PORTICO_API_PORT: String(ports.api),
      PORTICO_DASHBOARD_PORT: String(ports.dashboard),
      PORTICO_INTERNAL_PORT: String(ports.internal),
      PORTICO_INTERNAL_URL: `http://127.0.0.1:${ports.internal}`,
      PORTICO_TCP_PORTS: '0',
    };
    const start = (unit: Unit): { child: ChildProcess; output(): string } => {
      const here = (text: string): string =>
        text.replaceAll('/opt/portico', checkout).replaceAll('/var/lib/portico', state);
      const [program = '', ...args] = unit.command.map(here);
      const environment: Record<string, string> = { PATH: '/usr/bin:/bin', ...settings };
      for (const name of unit.unset) delete environment[name];
      for (const [name, value] of Object.entries(unit.environment)) environment[name] = here(value);
      const child = spawn(program, args, {
        env: environment,
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(asRoot ? { uid: NOBODY, gid: NOBODY } : {}),
      });
      running.push(child);
      endWithTests(child);
      let text = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
      }
      return { child, output: () => text };
    };
    const until = async (
      what: string,
      check: () => Promise<boolean> | boolean,
      part: { child: ChildProcess; output(): string },
    ): Promise<void> => {
      const deadline = performance.now() + 60_000;
      while (!(await Promise.resolve(check()).catch(() => false))) {
        if (part.child.exitCode !== null || performance.now() > deadline)
          throw new Error(`${what} did not come up:\n${part.output()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const answers = async (url: string): Promise<boolean> =>
      (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;

    const api = start(readUnit('portico-api.service'));
    await until(
      'the API',
      () => existsSync(join(state, 'first-account.json')) && answers(`http://127.0.0.1:${ports.api}/healthz`),
      api,
    );
    const edge = start(readUnit('portico-edge.service'));
    const dashboard = start(readUnit('portico-dashboard.service'));
    await until('the dashboard', () => answers(`http://127.0.0.1:${ports.dashboard}/healthz`), dashboard);
    await until('the edge', () => edge.output().includes('"ready"') || edge.output().includes('ready'), edge);

    const account: unknown = JSON.parse(readFileSync(join(state, 'first-account.json'), 'utf8'));
    const authtoken = String(Object.getOwnPropertyDescriptor(account, 'authtoken')?.value);
    const agentConfigFile = join(folder, 'agent.yml');
    writeFileSync(
      agentConfigFile,
      stringify({
        version: 3,
        agent: { authtoken, connect_url: `localhost:${ports.connect}`, connect_cas: join(state, 'ca.pem') },
      }),
    );
    const upstream = await httpUpstream((_request, response) => response.end('separate'));
    const tunnel = await startPortico({ agentConfigFile }, ['http', String(upstream.port), '--subdomain', 'apart']);
    const answer = await visit(
      { https: { port: ports.https }, http: { port: ports.http }, caFile: join(state, 'ca.pem') },
      'https://apart.tunnel.localhost/',
    );
    expect(answer.body.toString()).toBe('separate');
    await tunnel.stop();
    await upstream.close();
    for (const child of running.splice(0).reverse()) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect((await ended)[0]).toBe(0);
    }
    await database.drop();
  });

  it('have a compose file whose services run the same commands with the same settings', () => {
    const compose: {
      services: Record<string, { command?: string[]; environment: Record<string, string>; entrypoint?: string }>;
    } = parse(readFileSync(join(checkout, 'infra/compose.yaml'), 'utf8'), { merge: true });
    const image = readFileSync(join(checkout, 'infra/Containerfile'), 'utf8');
    expect(image).toContain('ENTRYPOINT ["portico-server"]');
    for (const name of ['api', 'edge', 'dashboard']) {
      const unit = readUnit(`portico-${name}.service`);
      const service = compose.services[name];
      expect(service?.command).toEqual(unit.command.slice(1));
      for (const [variable, value] of Object.entries(unit.environment)) {
        if (variable !== 'PORTICO_DATA_DIR') expect(service?.environment[variable]).toBe(value);
      }
    }
    expect(compose.services.edge?.environment.DATABASE_URL).toBeUndefined();
    expect(compose.services.dashboard?.environment.DATABASE_URL).toBeUndefined();
    expect(readdirSync(join(checkout, 'infra/systemd')).sort()).toEqual([
      'portico-api.service',
      'portico-dashboard.service',
      'portico-edge-connect.socket',
      'portico-edge-http.socket',
      'portico-edge-https.socket',
      'portico-edge.service',
    ]);
  });

  it('refuse to start unprepared, or under a name that is none', async () => {
    const copy = join(folder, 'copy');
    mkdirSync(join(copy, 'infra/bin'), { recursive: true });
    cpSync(join(checkout, 'infra/bin/portico-server'), join(copy, 'infra/bin/portico-server'));
    const unprepared = spawn(join(copy, 'infra/bin/portico-server'), ['api']);
    let said = '';
    unprepared.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    expect((await once(unprepared, 'close'))[0]).toBe(1);
    expect(said).toContain('is not prepared; run there: node scripts/bootstrap.mjs prepare');
    const unknown = spawn(join(checkout, 'infra/bin/portico-server'), ['mail']);
    expect((await once(unknown, 'close'))[0]).toBe(1);
  });
});

async function freePorts<Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> {
  const servers = await Promise.all(
    names.map(async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return Object.fromEntries(names.map((name, index) => [name, ports[index] ?? 0])) as Record<Name, number>;
}
