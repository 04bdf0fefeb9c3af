import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Action, loadPolicy, PolicyScope, type RequestContext } from '@portico/traffic-policy';
import type { AsyncOutcome, AsyncTools } from '../policy/async-action.ts';
import { testEndpoint } from './tunnel.util.ts';

/** A request as an action of a policy finds it, and what it did to it. */
export interface PolicyVisit {
  readonly scope: PolicyScope;
  readonly tools: AsyncTools;
  /** Fields that were added to whatever is answered. */
  readonly added: string[];
}

export interface VisitOptions {
  readonly method?: string;
  readonly url?: string;
  readonly fields?: readonly string[];
  readonly body?: string | Buffer;
  readonly accountId?: string;
  readonly now?: () => Date;
  readonly signal?: AbortSignal;
}

export function policyVisit(options: VisitOptions = {}): PolicyVisit {
  const { method = 'GET', fields = [], body = '', accountId = 'ac_1', now, signal } = options;
  const url = new URL(options.url ?? 'https://demo.portico.localhost/');
  const request: RequestContext = {
    method,
    scheme: url.protocol === 'http:' ? 'http' : 'https',
    authority: url.host,
    target: `${url.pathname}${url.search}`,
    version: 'HTTP/1.1',
    fields: ['Host', url.host, ...fields],
    trailers: [],
    contentLength: Buffer.byteLength(body),
    headerReceivedAt: new Date(),
    bodyReceivedAt: null,
  };
  const endpoint = testEndpoint({ proto: 'https', host: url.hostname, members: [], accountId });
  const added: string[] = [];
  const scope = new PolicyScope({
    phase: 'on_http_request',
    connection: {
      clientIp: '203.0.113.7',
      clientPort: 50_000,
      serverIp: '198.51.100.1',
      serverPort: 443,
      serverRegion: 'local',
      startedAt: new Date(),
      bytesIn: 0,
      bytesOut: 0,
      tls: null,
      ipFacts: () => null,
    },
    endpoint: { id: 'ep_1', url: url.origin, host: url.hostname, port: 443, protocol: 'https' },
    request,
    ...(now === undefined ? {} : { now }),
  });
  return {
    scope,
    added,
    tools: {
      signal: signal ?? new AbortController().signal,
      endpoint,
      get visitor(): never {
        throw new Error('no action here asks who the visitor is');
      },
      hops: 0,
      body: async () => Buffer.from(body),
      addResponseField: (name, value) => added.push(name, value),
    },
  };
}

/** The only action of a policy that has one rule with it. */
export function onlyAction<Type extends Action['type']>(type: Type, config: object): Extract<Action, { type: Type }> {
  const document = { on_http_request: [{ actions: [{ type, config }] }] };
  const loaded = loadPolicy(JSON.stringify(document));
  if (loaded.kind === 'refused') throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  const action = loaded.policy.phases.on_http_request[0]?.actions[0];
  if (action === undefined || !isOfType(action, type)) throw new Error(`no ${type}`);
  return action;
}

function isOfType<Type extends Action['type']>(action: Action, type: Type): action is Extract<Action, { type: Type }> {
  return action.type === type;
}

/** Status and code of an outcome, for short expectations. */
export function seen(outcome: AsyncOutcome): string {
  if (outcome.kind !== 'answer') return outcome.kind;
  const { status, error } = outcome.answer;
  return error === null ? String(status) : `${status} ${error.code}`;
}

/** A server on loopback for an action to ask. */
export async function serveHttp(listener: RequestListener): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
