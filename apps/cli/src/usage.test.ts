import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliHome } from './testing/cli-process.util.ts';

let home: CliHome;
const files = new Map<string, string>();

beforeAll(async () => {
  home = await CliHome.make();
  const contents: Record<string, string> = {
    'token-only.yml': 'version: 3\nagent: {authtoken: tok}\n',
    'url-only.yml': 'version: 3\nagent: {connect_url: "localhost:1"}\n',
    'good.yml': 'version: 3\nagent: {authtoken: tok, connect_url: "localhost:1"}\n',
    'bad-url.yml': 'version: 3\nagent: {authtoken: tok, connect_url: "no host"}\n',
    'no-ca.yml': 'version: 3\nagent: {authtoken: tok, connect_url: "localhost:1", connect_cas: missing.pem}\n',
    'unknown-key.yml': 'version: 3\nagent:\n  authtoken: tok\n  conect_url: "localhost:1"\n',
    'bad-policy.yml': 'on_http_request:\n  - actions:\n      - type: denyy\n      - type: rate-limit\n',
    'inline-policy.yml':
      'version: 3\nagent: {authtoken: tok, connect_url: "localhost:1"}\nendpoints:\n  - name: web\n    upstream: {url: 80}\n    traffic_policy: {on_http_request: [{actions: [{type: denyy}]}]}\n',
    'policy.yml':
      'version: 2\nauthtoken: tok\nserver_addr: "localhost:1"\ntunnels:\n  web: {proto: http, addr: 80, labels: ["a=b"]}\n',
  };
  for (const [name, text] of Object.entries(contents)) {
    const path = join(home.path, name);
    await writeFile(path, text);
    files.set(name, path);
  }
});

afterAll(() => home.remove());

/** Arguments, what stderr says, and nothing on stdout; `@name` is a configuration file of above. */
const refused: [string, RegExp[]][] = [
  ['htpp 80', [/Unknown command 'htpp'/, /Did you mean http\?/]],
  ['http', [/[Mm]issing required argument 'address'/, /portico http --help/]],
  ['http 80 81', [/Too many arguments/]],
  ['http 80 --subdomian demo', [/Unknown option '--subdomian'/, /Did you mean --subdomain\?/, /portico http --help/]],
  ['http 80 -subdomain demo', [/two dashes: write --subdomain instead of -subdomain/]],
  ['http 80 -subdomain=demo', [/write --subdomain=demo instead/]],
  ['http 80 -hostname x', [/write --hostname instead/]],
  ['http 80 -httpauth u:p', [/-httpauth is --basic-auth today/]],
  ['http 80 -proto=tcp', [/-proto is the command: portico http, portico tcp or portico tls/]],
  ['http -config=x 80', [/write --config=x instead/]],
  ['http 80 --subdomain', [/--subdomain <name>.* argument missing/]],
  ['http 80 --websocket-tcp-converter', [/--websocket-tcp-converter has no counterpart/, /nothing was started/]],
  ['http 80 --inspect=maybe', [/true or false/]],
  ['http 80 --bind-tls maybe', [/Allowed choices are true, false, both/]],
  ['http 80 --basic-auth nonsense --config @good.yml', [/user:password/]],
  ['http 80 --oauth google --oidc https://x --config @good.yml', [/either --oauth or --oidc/]],
  ['http 80 --traffic-policy-file /nowhere.yml --config @good.yml', [/policy file \/nowhere\.yml cannot be read/]],
  [
    'http 80 --traffic-policy-file @bad-policy.yml --config @good.yml',
    [/traffic policy cannot be used/, /bad-policy\.yml:3:\d+: .*denyy.*deny/, /4:\d+: .*rate-limit/, /ERR_NGROK_2201/],
  ],
  ['tcp 22 --traffic-policy-file @bad-policy.yml --config @good.yml', [/bad-policy\.yml:1:1: .*tcp.*ERR_NGROK_2230/]],
  [
    'start web --config @inline-policy.yml',
    [/policy of endpoint "web"/, /traffic_policy\.on_http_request\[0\]\.actions\[0\]\.type: .*denyy/, /ERR_NGROK_2201/],
  ],
  [
    'http 80 --traffic-policy-url http://localhost:1/p.yml --config @good.yml',
    [/policy at http:\/\/localhost:1\/p\.yml/],
  ],
  ['tls 443 --crt /nowhere.pem --config @good.yml', [/give both/]],
  ['http 80 --upstream-tls-verify-cas /nowhere.pem --config @good.yml', [/CA file \/nowhere\.pem cannot be read/]],
  ['http 80 --log-format xml', [/Allowed choices are term, logfmt, json/]],
  ['http 80 --log-level loud', [/Allowed choices are debug, info/]],
  ['http 0 --config @good.yml', [/upstream address "0"/, /1 to 65535/, /Accepted: /]],
  ['http 80/path --config @good.yml', [/upstream address/]],
  ['tcp file:///srv --config @good.yml', [/over HTTP only/]],
  ['http ftp://x --config @good.yml', [/ftp:\/\/ is no upstream/]],
  ['tcp db --config @good.yml', [/port is missing/]],
  ['http 80 --url tcp://x:1 --config @good.yml', [/scheme of tcp:\/\/x:1/, /https:\/\/ or http:\/\//, /ERR_NGROK_330/]],
  ['http 80 --url a/b --config @good.yml', [/URL a\/b is not accepted/, /ERR_NGROK_9037/]],
  ['tcp 22 --url https://x --config @good.yml', [/ERR_NGROK_330/]],
  ['http 80 --url https://a.b --subdomain c --config @good.yml', [/--url and --subdomain/]],
  ['tcp 22 --subdomain x', [/Unknown option '--subdomain'/]],
  ['http 80 --config @token-only.yml', [/No server is known/, /add-connect-url/]],
  ['http 80 --config @url-only.yml', [/No authtoken is known/, /add-authtoken/, /ERR_NGROK_4018/]],
  ['http 80 --config @bad-url.yml', [/connect URL "no host"/, /Accepted: host:port/]],
  ['http 80 --config @no-ca.yml', [/missing\.pem \(connect_cas\) cannot be read \(ENOENT\)/]],
  ['http 80 --config /nowhere.yml', [/no configuration file \/nowhere\.yml/]],
  [
    'http 80 --config @unknown-key.yml',
    [/unknown-key\.yml:4:3: unknown key "conect_url" in agent/, /Did you mean "connect_url"/],
  ],
  ['http 80 --config @good.yml --log /no/such/dir/x.log', [/log file .* cannot be opened \(ENOENT\)/]],
  ['start --config @good.yml', [/Nothing to start/]],
  ['start web --config @good.yml', [/describes no endpoint "web"/]],
  ['start web --config @policy.yml', [/"web" uses labels, which is not supported/]],
  ['start --all web --config @good.yml', [/either names or --all/]],
  ['config bla', [/Unknown command 'bla'/]],
  ['config add-authtoken', [/[Mm]issing required argument 'token'/]],
  ['config add-authtoken two\u00e9words', [/no spaces and no special characters/, /ERR_NGROK_105/]],
  ['config add-connect-url nonsense:x:y', [/connect URL "nonsense:x:y"/]],
  ['config add-connect-url localhost:1 --ca-sha256 abc', [/64 hexadecimal digits/]],
  ['config add-connect-url localhost:1 --ca /nowhere.pem', [/CA file \/nowhere\.pem cannot be read/]],
  ['config add-connect-url localhost:1 --ca x --ca-sha256 y', [/either --ca or --ca-sha256/]],
  ['config check --config /nowhere.yml', [/no configuration file/]],
  ['config check --config @unknown-key.yml', [/:4:3:/]],
];

describe('a command line that cannot work', () => {
  // Few at a time: each case is a process.
  const groups = Array.from({ length: Math.ceil(refused.length / 4) }, (_, i) => refused.slice(i * 4, i * 4 + 4));
  for (const group of groups) {
    it(`is refused with exit code 1: ${group.map(([line]) => `"${line}"`).join(', ')}`, async () => {
      await Promise.all(
        group.map(async ([line, patterns]) => {
          const args = line.split(' ').map((arg) => (arg.startsWith('@') ? (files.get(arg.slice(1)) ?? arg) : arg));
          const { code, stdout, stderr } = await home.run(args);
          expect({ line, code, stdout }).toEqual({ line, code: 1, stdout: '' });
          expect(
            stderr
              .trimEnd()
              .split('\n')
              .every((each) => each.startsWith('ERROR:')),
            stderr,
          ).toBe(true);
          for (const pattern of patterns) expect(stderr).toMatch(pattern);
          // Nothing of ours or of node's own shines through.
          expect(stderr).not.toMatch(/\bat .*\.ts:\d+|node:internal|ExperimentalWarning/);
          const code330 = /ERR_NGROK_\d+/.exec(stderr)?.[0];
          if (code330 !== undefined) expect(stderr.trimEnd().endsWith(`ERROR:  ${code330}`)).toBe(true);
        }),
      );
    });
  }
});

describe('a command line that only asks', () => {
  it('is answered with exit code 0', async () => {
    const { version } = (await import('../../../package.json', { with: { type: 'json' } })).default;
    const results = await Promise.all([
      home.run(['version']),
      home.run(['--version']),
      home.run([]),
      home.run(['help', 'http']),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(results[0]?.stdout).toBe(`portico version ${version}\n`);
    expect(results[1]?.stdout).toBe(`portico version ${version}\n`);
    expect(results[2]?.stdout).toMatch(/Usage: portico[\s\S]*http[\s\S]*tcp[\s\S]*config[\s\S]*--subdomain demo/);
    expect(results[3]?.stdout).toContain('--subdomain <name>');
    const more = await Promise.all([
      home.run(['http', '--help']),
      home.run(['config']),
      home.run(['config', 'add-connect-url', '-h']),
    ]);
    expect(more.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(more[1]?.stdout).toContain('add-connect-url');
    expect(more[2]?.stdout).toContain('--ca-sha256');
  });

  it('starts within three seconds, loaded machine included', async () => {
    const startedMs = performance.now();
    await home.run(['version']);
    expect(performance.now() - startedMs).toBeLessThan(3000);
  });
});
