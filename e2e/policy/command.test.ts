import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout } from '../support/platform.ts';
import { type PorticoProcess, startPortico } from '../support/portico-cli.ts';
import { httpUpstream, type Upstream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';

/** The real command with a policy from each place where one may stand. */
describe('portico with a traffic policy', () => {
  let env: DevEnv;
  let upstream: Upstream;
  let policies: Upstream;
  let folder: string;
  let agentConfigFile: string;
  const running: PorticoProcess[] = [];

  beforeAll(async () => {
    env = await startDevEnv();
    folder = mkdtempSync(join(tmpdir(), 'portico-policy-'));
    upstream = await httpUpstream((request, response) => response.end(`upstream ${request.url}`));
    policies = await httpUpstream((_request, response) => {
      response.end('on_http_request: [{actions: [{type: deny, config: {status_code: 418}}]}]');
    });
    agentConfigFile = join(folder, 'agent.yml');
    const agent = `agent: {authtoken: "${env.authtoken}", connect_url: "${env.connectUrl}", connect_cas: "${env.caFile}", web_addr: false}`;
    const inline = `
endpoints:
  - name: inline
    url: https://inline.${env.baseDomain}
    upstream: {url: ${upstream.port}}
    traffic_policy:
      on_http_request:
        - actions:
            - type: custom-response
              config: {body: inline}
`;
    writeFileSync(agentConfigFile, `version: 3\n${agent}\n${inline}`);
  });
  afterAll(async () => {
    for (const portico of running) await portico.stop();
    await env.close();
    await Promise.all([upstream.close(), policies.close()]);
    rmSync(folder, { recursive: true });
  });

  async function run(...args: string[]): Promise<PorticoProcess> {
    const portico = await startPortico({ agentConfigFile }, args);
    running.push(portico);
    return portico;
  }
  const seen = async (url: string, headers: Record<string, string> = {}) => {
    const { status, body } = await visit(env, url, { headers });
    return [status, body.toString()];
  };

  it('takes it from a file, an address and its configuration', async () => {
    const file = join(checkout, 'examples/policies/ask-for-a-password.yml');
    const [fromFile, fromUrl, inline] = await Promise.all([
      run('http', String(upstream.port), '--traffic-policy-file', file),
      run('http', String(upstream.port), '--traffic-policy-url', `http://localhost:${policies.port}/policy.yml`),
      run('start', 'inline'),
    ]);
    expect((await seen(fromFile.url))[0]).toBe(401);
    const authorization = `Basic ${btoa('preview:let-me-see')}`;
    expect(await seen(fromFile.url, { authorization })).toEqual([200, 'upstream /']);
    expect((await seen(fromUrl.url))[0]).toBe(418);
    expect(await seen(inline.url)).toEqual([200, 'inline']);
  });

  it('opens internal endpoints, which a cloud endpoint leads to', async () => {
    const portico = await run('http', String(upstream.port), '--url', 'https://cli.internal', '--binding', 'internal');
    expect(portico.url).toBe('https://cli.internal');
    const response = await fetch(`${env.api.publicUrl}/endpoints`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        type: 'cloud',
        url: `https://front.${env.baseDomain}`,
        traffic_policy:
          '{"on_http_request":[{"actions":[{"type":"forward-internal","config":{"url":"https://cli.internal"}}]}]}',
      }),
    });
    expect(response.status).toBe(201);
    await expect.poll(() => seen(`https://front.${env.baseDomain}/x`).catch(() => [])).toEqual([200, 'upstream /x']);
  });
});
