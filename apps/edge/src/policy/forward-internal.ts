import { errorName, PorticoError } from '@portico/errors';
import { type PolicyScope, parseInternalUrl } from '@portico/traffic-policy';
import type { Endpoint, EndpointProto } from '../endpoint/endpoint.ts';
import type { ActionOf, AsyncAction, AsyncOutcome, AsyncTools } from './async-action.ts';

/** How many endpoints may forward one request or connection, one to the next. */
export const HOPS_MAX = 10;

/** Endpoints that only others of their account reach; `InternalEndpoints` is the one that runs. */
export interface InternalRoutes {
  find(accountId: string, proto: EndpointProto, host: string, port: number): Endpoint | null;
}

/**
 * Gives the request or connection to an internal endpoint of the same account. The result has the URL, and the error
 * where it went on all the same (`on_error: continue`). Fails with 3501 where endpoints forward in a circle, 3200 where
 * no such endpoint is online, 2253 where the URL that a template made is none.
 */
export class ForwardInternal implements AsyncAction<'forward-internal'> {
  readonly #routes: InternalRoutes;

  constructor(routes: InternalRoutes) {
    this.#routes = routes;
  }

  async run(action: ActionOf<'forward-internal'>, scope: PolicyScope, tools: AsyncTools): Promise<AsyncOutcome> {
    return this.find(action, scope, tools);
  }

  /** The same at once. */
  find(
    { config }: ActionOf<'forward-internal'>,
    scope: PolicyScope,
    { endpoint, hops }: Pick<AsyncTools, 'endpoint' | 'hops'>,
  ): AsyncOutcome {
    const url = config.url.text(scope);
    const found = this.#resolve(url, scope, { endpoint, hops });
    if (!(found instanceof PorticoError)) {
      scope.setResult('forward_internal', { url });
      return { kind: 'forward', endpoint: found };
    }
    scope.setResult('forward_internal', { url, error: { code: errorName(found.code), message: found.message } });
    if (config.onError === 'continue') return { kind: 'next' };
    throw found;
  }

  #resolve(
    url: string,
    scope: PolicyScope,
    { endpoint, hops }: { readonly endpoint: Endpoint; readonly hops: number },
  ): Endpoint | PorticoError {
    const target = parseInternalUrl(url);
    const proto = target === null ? null : protoOf(target.scheme, scope.phase === 'on_tcp_connect');
    if (target === null || proto === null) {
      const form = scope.phase === 'on_tcp_connect' ? 'tcp://name.internal:port' : 'https://name.internal';
      const reason = `${url.slice(0, 200)} is no URL like ${form}`;
      return new PorticoError(2253, { field: 'url', action: 'forward-internal', reason });
    }
    if (hops >= HOPS_MAX) return new PorticoError(3501, { max: HOPS_MAX });
    const { host, port } = target;
    return (
      this.#routes.find(endpoint.accountId, proto, host, port) ??
      new PorticoError(3200, { host, url: url.slice(0, 200) })
    );
  }
}

/** Connections go to tcp and tls endpoints, requests to http and https ones. */
function protoOf(scheme: string, isConnection: boolean): EndpointProto | null {
  if (scheme === 'tcp' || scheme === 'tls') return isConnection ? scheme : null;
  if (scheme === 'http' || scheme === 'https') return isConnection ? null : scheme;
  return null;
}
