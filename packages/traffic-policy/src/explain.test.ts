// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts
import { describe, expect, it } from 'vitest';
import { type ExplainedTraffic, type Explanation, explain } from './explain.ts';
import { PolicyScope } from './expressions/scope.ts';
import { loadPolicy } from './load-policy.ts';
import type { CompiledPolicy } from './policy.ts';
import { isImmediate, performAction } from './run/perform-action.ts';
import { RateLimiter } from './run/rate-limiter.ts';
import { walkRules } from './run/walk-rules.ts';
import { connection, endpoint, request, response } from './testing/contexts.ts';

function load(text: string): CompiledPolicy {
  const loaded = loadPolicy(text);
  if (loaded.kind === 'loaded') return loaded.policy;
  throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
}

function traffic(changes: Partial<ExplainedTraffic> = {}): ExplainedTraffic {
  return { connection: connection(), endpoint: endpoint(), request: request(), response: null, ...changes };
}

const verdicts = (explanation: Explanation, phase = 'on_http_request'): unknown =>
  explanation.phases.find((one) => one.phase === phase)?.rules.map(({ verdict }) => verdict);

describe('explain', () => {
  const policy = load(`
on_tcp_connect:
  - name: office only
    expressions: ["!inCidrRange(conn.client_ip, '203.0.113.0/24')"]
    actions: [{type: deny}]
on_http_request:
  - name: mark
    actions: [{type: add-headers, config: {headers: {x-from: "\${conn.client_ip}"}}}, {type: set-vars, config: {vars: [{tier: gold}]}}]
  - name: write
    expressions: [req.method == 'POST', "req.url.path.startsWith('/api')"]
    actions: [{type: custom-response, config: {status_code: 202}}]
  - name: gold
    expressions: ["vars.tier == 'gold'", "req.headers['x-from'][0] == '203.0.113.7'"]
    actions: [{type: deny, config: {status_code: 402}}]
  - name: rest
    actions: [{type: deny}]
on_http_response:
  - name: cache
    expressions: [res.status_code == 402]
    actions: [{type: add-headers, config: {headers: {cache-control: no-store}}}]
`);

  it('tells which rules fire, why, and what later ones see of it', () => {
    const explained = explain(policy, traffic());
    expect(verdicts(explained, 'on_tcp_connect')).toEqual(['skipped']);
    expect(verdicts(explained)).toEqual(['fires', 'skipped', 'fires', 'not-reached']);
    expect(explained.phases[1]?.rules[1]?.expressions).toEqual([
      { source: "req.method == 'POST'", value: false, error: null },
    ]);
    expect(explained.phases[1]?.rules[2]?.expressions.map(({ value }) => value)).toEqual([true, true]);
    expect(explained.phases[1]?.end).toEqual({ kind: 'answered', by: 'deny', status: 402 });
    expect(verdicts(explained, 'on_http_response')).toEqual(['fires']);
    expect(explained.conclusion).toBe('deny answers with 402.');
  });

  it('ends where the connection ends', () => {
    const explained = explain(policy, traffic({ connection: connection({ clientIp: '10.0.0.1' }) }));
    expect(explained.phases).toHaveLength(1);
    expect(explained.conclusion).toBe('deny closes the connection.');
  });

  it('calls unknown what depends on something it does not do', () => {
    const explained = explain(
      load(`
on_http_request:
  - actions: [{type: oauth, config: {provider: google}}]
  - name: staff
    expressions: ["actions.ngrok.oauth.identity.email.endsWith('@acme.example')"]
    actions: [{type: rate-limit, config: {name: a, algorithm: sliding_window, capacity: 1, rate: 60s, bucket_key: [req.host]}}]
  - name: decided all the same
    expressions: ["actions.ngrok.oauth.identity.email == ''", "req.method == 'PUT'"]
    actions: [{type: deny}]
  - name: limited
    expressions: [actions.ngrok.rate_limit.limited]
    actions: [{type: deny}]
`),
      traffic(),
    );
    expect(verdicts(explained)).toEqual(['fires', 'unknown', 'skipped', 'unknown']);
    expect(explained.phases[1]?.rules[0]?.actions[0]?.effect).toMatch(/would run here/);
    expect(explained.conclusion).toBe('The traffic goes to the upstream.');
  });

  it('tells where a policy fails, with code and reason', () => {
    const explained = explain(
      load(
        "on_http_request:\n- expressions: [\"req.headers['x'][0] == '1'\"]\n  actions: [{type: deny}]\n- actions: [{type: deny}]\n",
      ),
      traffic(),
    );
    expect(verdicts(explained)).toEqual(['failed', 'not-reached']);
    expect(explained.conclusion).toMatch(/No such key: x.*ERR_NGROK_2254/);
  });

  it('follows forward-internal', () => {
    const text =
      'on_http_request: [{actions: [{type: forward-internal, config: {url: "https://${req.host.split(\'.\')[0]}.internal"}}]}]';
    expect(explain(load(text), traffic()).conclusion).toBe('forward-internal sends it to https://demo.internal.');
  });

  it('counts nothing', () => {
    const limiter = new RateLimiter();
    const limit = load(
      'on_http_request: [{actions: [{type: rate-limit, config: {name: a, algorithm: sliding_window, capacity: 1, rate: 60s, bucket_key: [req.host]}}]}]',
    );
    const tools = { ipPolicy: () => null, takeFromBucket: limiter.peek.bind(limiter) };
    for (let time = 0; time < 5; time += 1) {
      expect(explain(limit, traffic(), { tools }).conclusion).toBe('The traffic goes to the upstream.');
    }
    expect(limiter.keys).toBe(0);
  });

  it('leaves the request that it explains as it was', () => {
    const visit = traffic({ response: response() });
    const before = JSON.stringify(visit.request);
    explain(policy, visit);
    expect(JSON.stringify(visit.request)).toBe(before);
  });

  it('agrees with whoever runs the policy', () => {
    for (const method of ['GET', 'POST']) {
      for (const target of ['/', '/api/x']) {
        const visit = request({ method, target });
        const explained = explain(policy, traffic({ request: visit }));
        const scope = new PolicyScope({
          phase: 'on_http_request',
          connection: connection(),
          endpoint: endpoint(),
          request: visit,
        });
        const fired: (string | null)[] = [];
        let ended = false;
        const walk = walkRules(policy.phases.on_http_request, scope);
        for (let step = walk.next(); step.done !== true; step = walk.next(ended ? 'end' : 'on')) {
          const { rule, action } = step.value;
          if (!fired.includes(rule.name)) fired.push(rule.name);
          if (!isImmediate(action)) throw new Error(action.type);
          const tools = { ipPolicy: () => null, takeFromBucket: () => ({ limited: false, retryAfterSeconds: 0 }) };
          ended = performAction(action, scope, tools).kind === 'answer';
        }
        const told = explained.phases[1]?.rules.filter(({ verdict }) => verdict === 'fires').map(({ name }) => name);
        expect(told).toEqual(fired);
      }
    }
  });

  it('names the rules for messages of event streams and does not run them', () => {
    const streaming = load(
      'on_event_stream_message: [{name: mask, expressions: ["sse.data != \'\'"], actions: [{type: sse-find-replace, config: {replacements: [{field: data, from: a, to: b}]}}]}]',
    );
    const explained = explain(streaming, traffic({ response: response() }));
    expect(explained.phases.at(-1)).toMatchObject({
      phase: 'on_event_stream_message',
      end: { kind: 'forwarded' },
      rules: [
        {
          name: 'mask',
          verdict: 'unknown',
          expressions: [{ source: "sse.data != ''", value: null }],
          actions: [{ type: 'sse-find-replace', effect: expect.stringMatching(/each message/) }],
        },
      ],
    });
    expect(explained.conclusion).toBe('The traffic goes to the upstream.');
  });
});
