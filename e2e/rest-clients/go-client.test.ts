import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeCertificate } from '@portico/api/testing/certificates';
import { startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpUpstream } from '../support/upstream.ts';

const run = promisify(execFile);
const module = 'github.com/ngrok/ngrok-api-go/v8';
const version = 'v8.0.0';
const goMinor = 25;

/** The unmodified ngrok-api-go, of which Terraform's provider and the Kubernetes operator are made. */
describe('the Go client of the REST API', () => {
  let folder: string;
  let program: { readonly kind: 'built'; readonly file: string } | { readonly kind: 'missing'; readonly why: string };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portico-go-client-'));
    program = await build(folder);
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('drives every resource with all its verbs', async ({ skip }) => {
    if (program.kind === 'missing') {
      process.stderr.write(`The Go client of the REST API is skipped: ${program.why}\n`);
      skip(program.why);
      return;
    }
    const env = await startDevEnv();
    const upstream = await httpUpstream((_request, response) => response.end('hello'));
    const agent = env.agent();
    await agent.forward({ proto: 'http', subdomain: 'seen', upstream: String(upstream.port) });
    const { chain, key, root } = await makeCertificate('kept.portico.localhost');
    const { stdout } = await run(program.file, [], {
      env: { API_URL: env.api.publicUrl, API_KEY: env.apiKey, CHAIN: chain, KEY: key, ROOT: root },
      timeout: 60_000,
    });
    expect(stdout.trim().split('\n').sort()).toEqual([
      'api_keys',
      'bot_users',
      'certificate_authorities',
      'credentials',
      'endpoints',
      'event_destinations',
      'event_sources',
      'event_subscriptions',
      'ip_policies',
      'ip_policy_rules',
      'ip_restrictions',
      'reserved_addrs',
      'reserved_domains',
      'service_users',
      'tls_certificates',
      'tunnel_sessions',
      'tunnels',
      'vault_secrets',
      'vaults',
    ]);
    await agent.close();
    await upstream.close();
    await env.close();
  });
});

/**
 * Builds the program against the pinned module. PORTICO_GO_API_CLIENT names a folder with its source, for machines
 * that cannot reach a module proxy.
 */
async function build(folder: string): Promise<{ kind: 'built'; file: string } | { kind: 'missing'; why: string }> {
  const go = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : 'go';
  const options = { cwd: folder, env: { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' }, timeout: 240_000 };
  try {
    const { stdout } = await run(go, ['env', 'GOVERSION'], options);
    const minor = Number(/^go1\.(\d+)/.exec(stdout)?.[1] ?? 0);
    if (minor < goMinor) return { kind: 'missing', why: `Go 1.${goMinor} is wanted, this is ${stdout.trim()}` };
  } catch {
    return { kind: 'missing', why: 'there is no Go on this machine' };
  }
  const source = process.env.PORTICO_GO_API_CLIENT ?? '';
  await copyFile(join(import.meta.dirname, 'go-client/main.go'), join(folder, 'main.go'));
  const replace = source === '' ? '' : `replace ${module} => ${source}\n`;
  await writeFile(
    join(folder, 'go.mod'),
    `module client\n\ngo 1.${goMinor}\n\nrequire ${module} ${version}\n${replace}`,
  );
  if (source === '') {
    try {
      await run(go, ['mod', 'download', module], options);
    } catch {
      return { kind: 'missing', why: `the module ${module} ${version} cannot be fetched` };
    }
  }
  const file = join(folder, 'client');
  await run(go, ['build', '-o', file, '.'], options);
  return { kind: 'built', file };
}
