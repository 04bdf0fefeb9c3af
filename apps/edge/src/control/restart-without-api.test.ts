import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RawAgent, serveHttp } from '../testing/raw-agent.util.ts';
import { eventually, visit } from '../testing/visit.util.ts';

let env: DevEnv;
const agents: RawAgent[] = [];
beforeEach(async () => {
  env = await startDevEnv();
  // Written once the edge serves with it.
  await eventually(
    async () => existsSync(keptFile()),
    (isThere) => isThere,
  );
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await env.close();
});

async function dial(): Promise<RawAgent> {
  const agent = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca, onStream: serveHttp('up') });
  agents.push(agent);
  return agent;
}

const keptFile = () => join(dirname(env.caFile), 'edge-issuing.json');

describe('an edge that starts again while the API is away', () => {
  it('answers visitors and greets agents with its old certificates, and their names return with the API', async () => {
    const host = `kept.${env.baseDomain}`;
    const first = await dial();
    await first.auth(env.authtoken);
    const bound = await first.bind('https', { Domain: host });
    await env.stopApi();
    await env.restartEdge();
    // Verified with the root: without a certificate the handshake would wait. Whether somebody has that name is not
    // known yet, and nobody says so.
    expect((await visit(env, host)).status).toBe(503);
    const second = (await dial()).resume(first);
    const greeted = second.auth(env.authtoken);
    await env.resumeApi();
    expect((await greeted).ClientId).toBe(first.clientId);
    expect((await second.rebind(bound)).Error).toBe('');
    expect(await visit(env, host)).toEqual({ status: 200, text: 'up GET / HTTP/1.1' });
  });

  it('keeps its key for its owner alone, and not in the clear', () => {
    for (const file of [keptFile(), join(dirname(env.caFile), 'edge-issuing.key')]) {
      expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
    }
    const text = readFileSync(keptFile(), 'utf8');
    expect(text).toContain('BEGIN CERTIFICATE');
    expect(text).not.toContain('PRIVATE KEY');
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, 100)],
    ['of another node', (text: string) => text.replace(/"nodeId":"[^"]*"/, '"nodeId":"other"')],
    ['changed', (text: string) => text.replace(/"sealedKey":"...../, '"sealedKey":"AAAAA')],
  ])('lets the API sign another one if the file is %s', async (_what, change) => {
    writeFileSync(keptFile(), change(readFileSync(keptFile(), 'utf8')));
    const spoiled = readFileSync(keptFile(), 'utf8');
    await env.restartEdge();
    expect((await visit(env, `any.${env.baseDomain}`)).status).toBe(404);
    await eventually(
      async () => readFileSync(keptFile(), 'utf8'),
      (text) => text !== spoiled,
    );
  });
});
