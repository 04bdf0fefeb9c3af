import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { AgentError, type ConnectUrl, connectAgent, dialServer, parseConnectUrl, systemClock } from '@portico/agent';
import type { Settings } from '../config/settings.ts';

export type Verdict = 'ok' | 'warn' | 'error' | 'skipped';

export interface Check {
  readonly section: 'Internet' | 'Localhost' | 'Service';
  readonly name: string;
  readonly verdict: Verdict;
  /** What was found; for a failure why. */
  readonly note: string;
  /** What to do; '' when nothing has to be done. */
  readonly advice: string;
}

export interface Diagnosis {
  readonly checks: readonly Check[];
  /** The first hop that fails, null when all work. */
  readonly brokenAt: string | null;
  readonly region: string | null;
  readonly latencyMs: number | null;
}

const timeoutMs = 10_000;

/** Tries each hop on the way to the server, in order; what lies behind a broken hop is not tried. */
export async function runDiagnosis(
  settings: Settings,
  options: { readonly ipv6: boolean; readonly version: string; onCheck(check: Check): void },
): Promise<Diagnosis> {
  const checks: Check[] = [];
  const url = parseConnectUrl(settings.connectUrl);
  let broken: string | null = null;
  const say = (check: Check): void => {
    checks.push(check);
    if (check.verdict === 'error') broken ??= `${check.section}: ${check.name}`;
    options.onCheck(check);
  };
  const step = async (section: Check['section'], name: string, run: () => Promise<Partial<Check>>): Promise<void> => {
    const base = { section, name, note: '', advice: '' } as const;
    if (broken !== null && section !== 'Localhost') say({ ...base, verdict: 'skipped' });
    else say({ ...base, verdict: 'ok', ...(await run()) });
  };
  const viaProxy = settings.proxyUrl !== undefined;
  await step('Internet', 'Name Resolution', () => (viaProxy ? Promise.resolve(byProxy) : resolves(url, options.ipv6)));
  await step('Internet', 'TCP', () => (viaProxy ? Promise.resolve(byProxy) : connects(url, options.ipv6)));
  await step('Internet', 'TLS', () => handshakes(url, settings));
  await step('Localhost', 'Name Resolution', localhost);
  let region: string | null = null;
  let latencyMs: number | null = null;
  await step('Service', 'Tunnel Protocol', async () => {
    const found = await signsOn(settings, options.version);
    region = found.region;
    latencyMs = found.latencyMs;
    return found.check;
  });
  return { checks, brokenAt: broken, region, latencyMs };
}

const byProxy: Partial<Check> = { verdict: 'ok', note: 'by the proxy' };

async function resolves({ host }: ConnectUrl, ipv6: boolean): Promise<Partial<Check>> {
  if (isIP(host) !== 0) return { note: `${host} is an address` };
  try {
    const found = await lookup(host, { all: true, ...(ipv6 ? { family: 6 } : {}) });
    return { note: found.map(({ address }) => address).join(', ') };
  } catch (error) {
    return {
      verdict: 'error',
      note: messageOf(error),
      advice: `DNS gives no ${ipv6 ? 'IPv6 ' : ''}address for ${host}. Is the name right (connect_url), and does DNS work here?`,
    };
  }
}

async function connects({ host, port, text }: ConnectUrl, ipv6: boolean): Promise<Partial<Check>> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const socket = connect({ host, port, ...(ipv6 ? { family: 6 } : {}) });
    const end = (found: Partial<Check>): void => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(timeoutMs, () =>
      end({
        verdict: 'error',
        note: `no answer within ${timeoutMs / 1000} s`,
        advice: `A firewall on the way drops connections to ${text}. Let port ${port} out, or go through a proxy (proxy_url).`,
      }),
    );
    socket.once('connect', () => end({ note: `${Math.round(performance.now() - startedMs)} ms` }));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end({
        verdict: 'error',
        note: messageOf(error),
        advice: `Nothing takes connections at ${text}. Is the server running, and is this its connect port?`,
      }),
    );
  });
}

async function handshakes(url: ConnectUrl, settings: Settings): Promise<Partial<Check>> {
  try {
    const socket = await dialServer({
      url,
      ca: settings.ca,
      timeoutMs,
      clock: systemClock,
      signal: AbortSignal.timeout(timeoutMs * 2),
      proxyUrl: settings.proxyUrl ?? null,
    });
    const { issuer } = socket.getPeerCertificate();
    const protocol = socket.getProtocol();
    socket.destroy();
    return { note: `${protocol ?? 'TLS'}, certificate from ${String(issuer?.CN ?? 'an unnamed CA')}` };
  } catch (error) {
    const [first = '', ...more] = messageOf(error).split('\n');
    const advice =
      error instanceof AgentError && error.kind === 'untrusted' && more.length === 0
        ? 'Something between here and the server may replace its certificate. Compare the fingerprint of its root.'
        : more.join(' ');
    return { verdict: 'error', note: first, advice };
  }
}

async function localhost(): Promise<Partial<Check>> {
  try {
    const found = await lookup('localhost', { all: true });
    const stray = found.find(({ address }) => address !== '::1' && !address.startsWith('127.'));
    if (stray === undefined) return { note: found.map(({ address }) => address).join(', ') };
    return {
      verdict: 'warn',
      note: `leads to ${stray.address}`,
      advice: 'Mend the line of localhost in the hosts file.',
    };
  } catch (error) {
    return { verdict: 'warn', note: messageOf(error), advice: 'Add "127.0.0.1 localhost" to the hosts file.' };
  }
}

async function signsOn(
  settings: Settings,
  version: string,
): Promise<{ check: Partial<Check>; region: string | null; latencyMs: number | null }> {
  const agent = connectAgent({
    connectUrl: settings.connectUrl,
    ca: settings.ca,
    authtoken: settings.authtoken,
    version,
    clientType: 'portico',
    ...(settings.proxyUrl === undefined ? {} : { proxyUrl: settings.proxyUrl }),
  });
  const startedMs = performance.now();
  try {
    return await new Promise((resolve) => {
      const fail = (message: string, code: string | null): void => {
        const [note = '', ...more] = message.split('\n');
        const check: Partial<Check> = {
          verdict: 'error',
          note: code === null ? note : `${note} ${code}`,
          advice: more.join(' ') || 'The server was reached and said no: this is no fault of the network.',
        };
        resolve({ check, region: null, latencyMs: null });
      };
      const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`, null), timeoutMs);
      agent.on('state', (state) => {
        if (state.kind === 'online') {
          clearTimeout(timer);
          const ms = Math.round(performance.now() - startedMs);
          const note = `signed on in ${ms} ms${state.session.accountName === null ? '' : ` as ${state.session.accountName}`}`;
          const { region } = state.session;
          // The first beat comes right after the answer.
          const done = (): void => resolve({ check: { note }, region, latencyMs: agent.latencyMs });
          const late = setTimeout(done, 1000);
          agent.once('latency', () => {
            clearTimeout(late);
            done();
          });
        } else if (state.kind === 'reconnecting') {
          clearTimeout(timer);
          fail(state.reason, null);
        } else if (state.kind === 'stopped' && state.error !== null) {
          clearTimeout(timer);
          fail(state.error.message, state.error.code);
        }
      });
    });
  } finally {
    await agent.close();
  }
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
