import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiOperations } from '@portico/api-contract/operations';
import { CliHome } from '@portico/cli/testing';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let env: DevEnv;
let home: CliHome;
let settings: Record<string, string>;

beforeAll(async () => {
  env = await startDevEnv();
  home = await CliHome.make();
  settings = { PORTICO_API_URL: env.api.publicUrl, PORTICO_API_KEY: env.apiKey };
});
afterAll(async () => {
  await home.remove();
  await env.close();
});

const api = (...args: string[]) => home.run(['api', ...args], settings);

async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await api(...args);
  expect([args.join(' '), code, stderr]).toEqual([args.join(' '), 0, '']);
  const [status = '', ...rest] = stdout.split('\n');
  expect(status).toMatch(/^20\d \w/);
  const text = rest.join('\n').trim();
  return text === '' ? {} : JSON.parse(text);
}

describe('portico api', () => {
  it('makes, shows, changes, finds and removes what there is, by the server’s own document', async () => {
    const made = await done('reserved-domains', 'create', '--domain', 'cli.portico.localhost', '--description', 'one');
    const id = String(made.id);
    expect(await done('reserved-domains', 'get', id)).toMatchObject({ domain: 'cli.portico.localhost' });
    expect(await done('reserved-domains', 'update', id, '--description', '')).toMatchObject({ description: '' });
    const filter = 'obj.domain == "cli.portico.localhost"';
    const found = await done('reserved-domains', 'list', '--limit', '5', '--filter', filter);
    expect(found.reserved_domains).toMatchObject([{ id }]);
    expect(await done('reserved-domains', 'delete', id)).toEqual({});
    const token = await done('credentials', 'create', '--acl', 'bind:a.b', '--acl', 'bind:*.c');
    expect(token.acl).toEqual(['bind:a.b', 'bind:*.c']);
    await writeFile(join(home.path, 'value.txt'), 'from a file');
    const vault = await done('vaults', 'create', '--name', 'v');
    const value = join(home.path, 'value.txt');
    await done('vault-secrets', 'create', '--name', 's', '--vault-id', String(vault.id), '--value-file', value);
    const target = '{"webhook":{"url":"https://hooks.example.com"}}';
    const destination = await done('event-destinations', 'create', '--target', target);
    expect(await done('event-destinations', 'pause', String(destination.id))).toEqual({});
  });

  it('lists every resource that has a list', async () => {
    const lists = apiOperations().filter(({ verb, path }) => verb === 'list' && !path.includes('{'));
    expect(lists.length).toBeGreaterThan(15);
    for (const { resource } of lists.slice(0, 6)) expect(await done(resource, 'list')).toHaveProperty('uri');
  });

  it('says what is wrong, with the API’s code, and exits with 1', async () => {
    const cases: [string[], RegExp][] = [
      [['reserved-domain', 'list'], /There is no resource reserved-domain\. Did you mean reserved-domains\?/],
      [['reserved-domains', 'lst'], /There is no verb lst\. Did you mean list\?/],
      [['reserved-domains', 'create', '--domian', 'x'], /There is no flag --domian\. Did you mean --domain\?/],
      [['reserved-domains', 'get', 'rd_none'], /404[\s\S]*ERR_NGROK_404/],
      [['vault-secrets', 'create', '--name', 'a'], /--value is missing/],
      [['event-destinations', 'create', '--target', '{'], /accepted is JSON/],
      [['api-keys', 'get'], /Wanted is: portico api api-keys get <id>/],
    ];
    for (const [args, said] of cases) {
      const { code, stderr } = await api(...args);
      expect([args.join(' '), code, stderr]).toEqual([args.join(' '), 1, expect.stringMatching(said)]);
    }
    const without = await home.run(['api', 'api-keys', 'list'], { PORTICO_API_URL: env.api.publicUrl });
    expect(without.stderr).toContain('portico config add-api-key');
  });

  it('explains itself', async () => {
    expect((await api('--help')).stdout).toContain('reserved-domains');
    expect((await api('reserved-domains')).stdout).toContain('portico api reserved-domains create [flags]');
    const { stdout } = await api('vault-secrets', 'create', '--help');
    expect(stdout).toMatch(/--value TEXT \(wanted\)/);
  });
});
