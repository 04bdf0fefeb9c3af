/**
 * What a rule costs, in microseconds: `node packages/traffic-policy/bench/evaluate.ts`. One comparable line for each
 * case; the last ones are the worst that an expression can do before its budget ends.
 */
import {
  type ActionTools,
  isImmediate,
  loadPolicy,
  PolicyScope,
  performAction,
  RateLimiter,
  walkRules,
} from '../src/index.ts';
import { connection, endpoint, request } from '../src/testing/contexts.ts';

const limiter = new RateLimiter();
const tools: ActionTools = {
  ipPolicy: () => null,
  takeFromBucket: (rule, key) => limiter.hit(rule, key),
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: a policy holds such a text
const header = "{type: add-headers, config: {headers: {x-ip: '${conn.client_ip}'}}}";
const CASES: Readonly<Record<string, string>> = {
  'no rule (scope only)': '[]',
  'one constant header': '[{actions: [{type: add-headers, config: {headers: {x: y}}}]}]',
  'one header with an expression': `[{actions: [${header}]}]`,
  'method is GET, then a header': `[{expressions: ["req.method == 'GET'"], actions: [${header}]}]`,
  'path prefix, not taken': `[{expressions: ["req.url.path.startsWith('/admin')"], actions: [{type: deny}]}]`,
  'header matches a pattern, not taken': `[{expressions: ["getReqHeader('x-tier').exists(v, v.matches('(?i)^gold$'))"], actions: [{type: deny}]}]`,
  'user agent pattern, not taken': `[{expressions: ["req.user_agent.matches('(?i)(gptbot|claudebot|ccbot)')"], actions: [{type: deny}]}]`,
  'address in three networks': `[{expressions: ["inCidrRanges(conn.client_ip, ['10.0.0.0/8', '192.168.0.0/16', '2001:db8::/32'])"], actions: [{type: deny}]}]`,
  'restrict-ips with 100 networks': `[{actions: [{type: restrict-ips, config: {allow: ['0.0.0.0/0'], deny: [${Array.from({ length: 100 }, (_, i) => `10.${i}.0.0/16`).join(', ')}]}}]}]`,
  'rate limit by address':
    '[{actions: [{type: rate-limit, config: {name: a, algorithm: sliding_window, capacity: 2000000000, rate: 60s, bucket_key: [conn.client_ip]}}]}]',
  'basic-auth with two users':
    "[{actions: [{type: basic-auth, config: {credentials: ['ada:lovelace1', 'bob:12345678']}}]}]",
  'url-rewrite': '[{actions: [{type: url-rewrite, config: {from: "/api/(v\\\\d)/", to: "/$1/"}}]}]',
  'ten rules, none taken': `[${Array.from({ length: 10 }, (_, i) => `{expressions: ["req.url.path == '/p${i}'"], actions: [{type: deny}]}`).join(', ')}]`,
  'two hundred rules, none taken': `[${Array.from({ length: 200 }, (_, i) => `{expressions: ["req.url.path == '/p${i}'"], actions: [{type: deny}]}`).join(', ')}]`,
};
const WORST: Readonly<Record<string, string>> = {
  'loops until the budget ends': 'lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))',
  'time zones until the budget ends': "lists.range(1000).all(a, timestamp(time.now).getHours('Europe/Berlin') >= 0)",
  'patterns until the budget ends': "lists.range(1000).exists(i, req.url.path.matches('(x|ab?|b|c|d){50}y$'))",
};

const visit = request({
  target: '/api/v1/users?id=7',
  fields: [
    'Host',
    'demo.portico.localhost',
    'User-Agent',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
    'Accept',
    '*/*',
    'Accept-Encoding',
    'gzip, br',
    'X-Tier',
    'silver',
    'Authorization',
    'Basic Ym9iOjEyMzQ1Njc4',
    'Cookie',
    'session=abc; theme=dark',
  ],
});

function measure(rules: string, target = visit): { microseconds: number; ended: boolean } {
  const loaded = loadPolicy(`on_http_request: ${rules}`);
  if (loaded.kind === 'refused') throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  const phase = loaded.policy.phases.on_http_request;
  const conn = connection();
  const where = endpoint();
  const once = (): boolean => {
    const scope = new PolicyScope({ phase: 'on_http_request', connection: conn, endpoint: where, request: target });
    try {
      const walk = walkRules(phase, scope);
      for (let step = walk.next(); step.done !== true; ) {
        const { action } = step.value;
        const outcome = isImmediate(action) ? performAction(action, scope, tools) : { kind: 'next' };
        step = walk.next(outcome.kind === 'next' ? 'on' : 'end');
      }
      return false;
    } catch {
      return true;
    }
  };
  const warmUntil = performance.now() + 200;
  let ended = false;
  while (performance.now() < warmUntil) ended = once();
  const started = performance.now();
  let times = 0;
  while (performance.now() - started < 500) {
    for (let batch = 0; batch < 10; batch += 1) once();
    times += 10;
  }
  return { microseconds: ((performance.now() - started) * 1_000) / times, ended };
}

for (const [name, rules] of Object.entries(CASES)) {
  console.log(`${name.padEnd(40)} ${measure(rules).microseconds.toFixed(2).padStart(10)} µs`);
}
for (const [name, source] of Object.entries(WORST)) {
  const long = request({ target: `/${'abcd'.repeat(2_000)}` });
  const { microseconds, ended } = measure(`[{expressions: ["${source}"], actions: [{type: deny}]}]`, long);
  console.log(`${name.padEnd(40)} ${microseconds.toFixed(0).padStart(10)} µs${ended ? ' (stopped)' : ''}`);
}
