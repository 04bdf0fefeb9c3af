// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts
import { PorticoError } from '@portico/errors';
import {
  ANY_TARGET,
  type CompiledRule,
  loadPolicy,
  PolicyScope,
  PolicyTrace,
  type TracedPhase,
} from '@portico/traffic-policy';
import { describe, expect, it } from 'vitest';
import { type PhaseEnd, type PhaseRunner, runPhase } from './run-phase.ts';

const SECRET = 'correct-horse-battery';
const secrets = { get: (_vault: string, name: string) => (name === 'token' ? SECRET : null) };

function rulesOf(rules: readonly object[]): readonly CompiledRule[] {
  const loaded = loadPolicy(JSON.stringify({ on_http_request: rules }), ANY_TARGET);
  if (loaded.kind === 'refused') throw new Error(loaded.problems[0]?.message);
  return loaded.policy.phases.on_http_request;
}

/** One request through these rules, with notes taken or without. */
async function run(
  rules: readonly object[],
  {
    isTraced = true,
    perform = () => ({ kind: 'next' }),
  }: { isTraced?: boolean; perform?: PhaseRunner['perform'] } = {},
): Promise<{ end: PhaseEnd; phase: TracedPhase | undefined; trace: PolicyTrace; scope: PolicyScope; logs: unknown[] }> {
  let nowMs = 0;
  const trace = new PolicyTrace(() => {
    nowMs += 0.25;
    return nowMs;
  });
  const compiled = rulesOf(rules);
  const scope = new PolicyScope({
    phase: 'on_http_request',
    connection: {
      clientIp: '203.0.113.7',
      clientPort: 1,
      serverIp: '198.51.100.1',
      serverPort: 443,
      serverRegion: 'local',
      startedAt: new Date(0),
      bytesIn: 0,
      bytesOut: 0,
      tls: null,
      ipFacts: () => null,
    },
    endpoint: { id: 'ep_1', url: 'https://a.test', host: 'a.test', port: 443, protocol: 'https' },
    request: {
      method: 'GET',
      scheme: 'https',
      authority: 'a.test',
      target: '/shop?token=1',
      version: 'HTTP/1.1',
      fields: ['Host', 'a.test', 'X-Key', 'key-of-the-visitor'],
      trailers: [],
      contentLength: null,
      headerReceivedAt: new Date(0),
      bodyReceivedAt: null,
    },
    secrets: trace.watch(secrets),
  });
  const logs: unknown[] = [];
  const end = await runPhase(compiled, {
    scope,
    tools: { ipPolicy: () => null, takeFromBucket: () => ({ limited: true, retryAfterSeconds: 1 }) },
    perform,
    onLog: (metadata) => logs.push(trace.hide(metadata)),
    onFault: (error) => {
      throw error;
    },
    trace: isTraced ? trace.begin('https://a.test', 'on_http_request', compiled) : null,
  });
  return { end, phase: trace.phases[0], trace, scope, logs };
}

const rule = (type: string, config: object = {}, expressions: string[] = [], name?: string): object => ({
  ...(name === undefined ? {} : { name }),
  expressions,
  actions: [{ type, config }],
});

describe('the notes of a policy', () => {
  it('say of each rule whether it fired, by which expressions, and what its actions came to', async () => {
    const { end, phase } = await run([
      rule('add-headers', { headers: { 'x-a': 'secret-value', 'x-b': '2' } }, ["req.method == 'GET'"], 'mark'),
      rule('deny', {}, ['true', "req.url.path.startsWith('/admin')", "req.method == 'PUT'"]),
      rule('restrict-ips', { enforce: false, allow: ['10.0.0.0/8'], deny: [] }),
      rule('deny', { status_code: 418 }),
      rule('log', { metadata: { a: 1 } }),
    ]);
    expect(end.kind).toBe('answered');
    expect(phase).toMatchObject({ url: 'https://a.test', phase: 'on_http_request', cut: false });
    expect(phase?.rules).toEqual([
      {
        name: 'mark',
        index: 0,
        verdict: 'fired',
        expressions: [{ source: "req.method == 'GET'", value: true, error: null }],
        actions: [{ type: 'add-headers', effect: 'set x-a, x-b', milliseconds: 0.25, ended: false }],
      },
      {
        name: null,
        index: 1,
        verdict: 'skipped',
        expressions: [
          { source: 'true', value: true, error: null },
          { source: "req.url.path.startsWith('/admin')", value: false, error: null },
        ],
        actions: [{ type: 'deny', effect: '', milliseconds: 0, ended: false }],
      },
      expect.objectContaining({
        verdict: 'fired',
        actions: [{ type: 'restrict-ips', effect: 'address refused', milliseconds: 0.25, ended: false }],
      }),
      expect.objectContaining({
        verdict: 'fired',
        actions: [{ type: 'deny', effect: 'answered 418', milliseconds: 0.25, ended: true }],
      }),
      {
        name: null,
        index: 4,
        verdict: 'not-reached',
        expressions: [],
        actions: [{ type: 'log', effect: '', milliseconds: 0, ended: false }],
      },
    ]);
  });

  it('say which expression failed, and which action', async () => {
    const expression = await run([rule('deny', {}, ["req.headers['none'][0] == 'x'"]), rule('deny')]);
    expect(expression.end.kind).toBe('failed');
    expect(expression.phase?.rules.map(({ verdict }) => verdict)).toEqual(['failed', 'not-reached']);
    expect(expression.phase?.rules[0]?.expressions[0]).toMatchObject({ value: null });
    expect(expression.phase?.rules[0]?.expressions[0]?.error).toContain('ERR_NGROK_2254');

    const action = await run([rule('http-request', { url: 'https://b.test' })], {
      perform: () => Promise.reject(new PorticoError(2253, { field: 'url', action: 'http-request', reason: 'none' })),
    });
    expect(action.phase?.rules[0]).toMatchObject({ verdict: 'fired', actions: [{ ended: true }] });
    expect(action.phase?.rules[0]?.actions[0]?.effect).toMatch(/^failed: .*\(ERR_NGROK_2253\)$/);
  });

  it('hold no secret, no value of a header and no key of a bucket', async () => {
    const token = "${secrets.get('vault', 'token')}";
    const { phase, logs } = await run([
      rule('add-headers', { headers: { authorization: `Bearer ${token}` } }),
      rule('rate-limit', {
        name: 'a',
        enforce: false,
        algorithm: 'sliding_window',
        capacity: 1,
        rate: '60s',
        bucket_key: ["getReqHeader('x-key')"],
      }),
      rule('log', { metadata: { sent: `it is ${token}`, list: [token] } }),
      rule('redirect', { from: '.*', to: `https://b.test/?key=${token}`, status_code: 307 }),
    ]);
    const kept = JSON.stringify([phase, logs]);
    expect(kept).not.toContain(SECRET);
    expect(kept).not.toContain('key-of-the-visitor');
    expect(logs).toEqual([{ sent: 'it is •••', list: ['•••'] }]);
    expect(phase?.rules[1]?.actions[0]?.effect).toBe('over the limit');
    expect(phase?.rules[3]?.actions[0]?.effect).toBe('to https://b.test/?key=•••&token=1, answered 307');
  });

  it('stay within their bounds, and say that they are not whole', async () => {
    const long = `'${'x'.repeat(1_900)}' == ''`;
    const { phase } = await run(Array.from({ length: 60 }, () => rule('deny', {}, [long])));
    expect(phase?.cut).toBe(true);
    expect(phase?.rules.every(({ verdict }) => verdict === 'skipped')).toBe(true);
    expect(JSON.stringify(phase).length).toBeLessThan(40_000);
  });

  it('change nothing about how a phase ends', async () => {
    const rules = [
      rule('set-vars', { vars: [{ v: 'set' }] }, ["req.method == 'GET'"]),
      rule('http-request', { url: 'https://b.test' }),
      rule('custom-response', { status_code: 201, body: '${vars.v}' }, ["vars.v == 'set'"]),
    ];
    const perform: PhaseRunner['perform'] = () => Promise.resolve({ kind: 'next' });
    const [noted, plain] = await Promise.all([run(rules, { perform }), run(rules, { perform, isTraced: false })]);
    expect(noted.end).toEqual(plain.end);
    expect(plain.phase).toBeUndefined();
    expect(noted.phase?.rules.flatMap(({ actions }) => actions.map(({ effect }) => effect))).toEqual([
      'done',
      'done',
      'answered 201',
    ]);
  });
});
