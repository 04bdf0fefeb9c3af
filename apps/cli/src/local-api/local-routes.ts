import type { CaptureStore } from '@portico/agent';
import type { EndpointConfig } from '../config/agent-config.ts';
import { CliError } from '../output/cli-error.ts';
import type { Tunnel, TunnelSet } from '../tunnels/tunnel-set.ts';
import { wantedEndpoints } from '../tunnels/wanted-endpoint.ts';
import { endpointShape, errorShape, requestShape, tunnelShape } from './shapes.ts';

export interface LocalRequest {
  readonly method: string;
  readonly url: URL;
  readJson(): Promise<{ ok: true; value: unknown } | { ok: false; status: number; err: string }>;
}

export interface LocalApiParts {
  readonly tunnels: TunnelSet;
  readonly captures: CaptureStore | null;
  readonly version: string;
}

/** `body` null: an answer without one. */
export interface LocalAnswer {
  readonly status: number;
  readonly body: object | null;
}

/** The codes of ngrok's agent, as far as scripts look at them. */
const code = { unknown: 100, badRequest: 101, badConfig: 102, failedToStart: 103 } as const;

const defaultLimit = 50;

/** Routes below `/api`, with the shapes of `ngrok-surface.md` section 3. */
export async function answerApi(request: LocalRequest, parts: LocalApiParts): Promise<LocalAnswer> {
  const { pathname } = request.url;
  const [, , area, ...rest] = pathname.replace(/\/+$/, '').split('/');
  const name = decodedName(area === 'requests' ? rest.slice(1) : rest);
  if (name === undefined) return failure(404, code.unknown, 'resource not found', 'the name cannot be read');
  if (area === undefined) return only(request, 'GET', () => rootAnswer());
  if (area === 'status' && name === null) return only(request, 'GET', () => statusAnswer(parts));
  if (area === 'tunnels') return answerTunnels(request, name, parts);
  if (area === 'endpoints') return answerEndpoints(request, name, parts);
  if (area === 'requests' && rest[0] === 'http') return answerRequests(request, name, parts);
  return failure(404, code.unknown, 'resource not found', `there is no ${pathname}`);
}

/** Names may hold slashes: an old name is the rest of the path. Null without one, undefined when it is broken. */
function decodedName(rest: readonly string[]): string | null | undefined {
  if (rest.length === 0) return null;
  try {
    return decodeURIComponent(rest.join('/'));
  } catch {
    return undefined;
  }
}

function rootAnswer(): LocalAnswer {
  return {
    status: 200,
    body: {
      uri: '/api',
      subresource_uris: {
        status: '/api/status',
        tunnels: '/api/tunnels',
        endpoints: '/api/endpoints',
        requests: '/api/requests/http',
      },
    },
  };
}

function statusAnswer({ tunnels, version }: LocalApiParts): LocalAnswer {
  const { agent } = tunnels;
  const { state } = agent;
  const legs =
    state.kind === 'online'
      ? [
          {
            region: state.session.region ?? '',
            latency: agent.latencyMs === null ? '' : `${Math.round(agent.latencyMs)}ms`,
          },
        ]
      : [];
  return { status: 200, body: { status: state.kind, agent_version: version, session: { legs }, uri: '/api/status' } };
}

// Tunnels

async function answerTunnels(request: LocalRequest, name: string | null, parts: LocalApiParts): Promise<LocalAnswer> {
  const { tunnels } = parts;
  if (name === null) {
    if (request.method === 'GET') {
      return { status: 200, body: { tunnels: online(tunnels).map(tunnelShape), uri: '/api/tunnels' } };
    }
    if (request.method !== 'POST') return wrongMethod(request);
    return withBody(request, async (body) => {
      const { name: wantedName, ...options } = body;
      if (typeof wantedName !== 'string' || wantedName === '') {
        return failure(400, code.badConfig, 'invalid tunnel configuration', 'name is a required field');
      }
      const described = await describe('tunnels', wantedName, options);
      return open(described, tunnels, (tunnel) => ({ status: 201, body: tunnelShape(tunnel) }), 'tunnel');
    });
  }
  const tunnel = tunnels.get(name);
  if (tunnel === null) return failure(404, code.unknown, 'tunnel not found', `there is no tunnel "${name}"`);
  if (request.method === 'GET') return { status: 200, body: tunnelShape(tunnel) };
  if (request.method !== 'DELETE') return wrongMethod(request);
  await tunnels.close(name);
  return { status: 204, body: null };
}

// Endpoints

async function answerEndpoints(request: LocalRequest, name: string | null, parts: LocalApiParts): Promise<LocalAnswer> {
  const { tunnels } = parts;
  if (name === null) {
    if (request.method === 'GET') {
      const endpoints = online(tunnels).map((tunnel) => endpointShape(tunnel, false));
      return { status: 200, body: { endpoints, uri: '/api/endpoints' } };
    }
    if (request.method !== 'POST') return wrongMethod(request);
    return withBody(request, async (body) => {
      const described = await describe('endpoints', typeof body.name === 'string' ? body.name : '', body);
      return open(described, tunnels, (tunnel) => ({ status: 201, body: endpointShape(tunnel, true) }), 'endpoint');
    });
  }
  const tunnel = tunnels.get(name);
  if (request.method === 'PUT') {
    return withBody(request, async (body) => {
      const described = await describe('endpoints', name, { ...body, name });
      if (typeof described === 'string')
        return failure(400, code.badConfig, 'invalid endpoint configuration', described);
      const existed = await tunnels.close(name);
      return open(
        described,
        tunnels,
        (opened) => ({ status: existed ? 200 : 201, body: endpointShape(opened, true) }),
        'endpoint',
      );
    });
  }
  if (tunnel === null) return failure(404, code.unknown, 'endpoint not found', `there is no endpoint "${name}"`);
  if (request.method === 'GET') return { status: 200, body: endpointShape(tunnel, true) };
  if (request.method !== 'DELETE') return wrongMethod(request);
  await tunnels.close(name);
  return { status: 204, body: null };
}

function online(tunnels: TunnelSet): Tunnel[] {
  return tunnels.list().filter(({ endpoint }) => endpoint !== null);
}

/** The body as the configuration file would say it; a text says what is wrong. */
async function describe(
  kind: 'tunnels' | 'endpoints',
  name: string,
  options: Readonly<Record<string, unknown>>,
): Promise<EndpointConfig | string> {
  // Only now: the YAML library is large, and most agents are never asked.
  const { describeEndpoint } = await import('../config/describe-endpoint.ts');
  return describeEndpoint(kind, name, options);
}

async function open(
  described: EndpointConfig | string,
  tunnels: TunnelSet,
  answer: (tunnel: Tunnel) => LocalAnswer,
  what: 'tunnel' | 'endpoint',
): Promise<LocalAnswer> {
  if (typeof described === 'string') return failure(400, code.badConfig, `invalid ${what} configuration`, described);
  const { name } = described;
  if (tunnels.get(name) !== null) {
    return failure(400, code.badConfig, `invalid ${what} configuration`, `there is a ${what} "${name}" already`);
  }
  try {
    const wanted = await wantedEndpoints(described);
    const opened: Tunnel[] = [];
    for (const each of wanted) opened.push(await tunnels.open(each));
    const [first] = opened;
    if (first !== undefined) return answer(first);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    await tunnels.close(name);
    const text = error.code === null ? error.message : `${error.message}\n\n${error.code}\n`;
    const isUsage = error.code === null;
    return isUsage
      ? failure(400, code.badConfig, `invalid ${what} configuration`, text)
      : failure(502, code.failedToStart, `failed to start ${what}`, text);
  }
  return failure(502, code.failedToStart, `failed to start ${what}`, 'nothing was asked for');
}

// Requests

async function answerRequests(request: LocalRequest, id: string | null, parts: LocalApiParts): Promise<LocalAnswer> {
  const { captures, tunnels } = parts;
  if (id !== null) {
    if (request.method !== 'GET') return wrongMethod(request);
    const capture = captures?.get(id) ?? null;
    if (capture === null) return failure(404, code.unknown, 'request not found', `there is no request "${id}"`);
    return { status: 200, body: requestShape(capture) };
  }
  switch (request.method) {
    case 'GET': {
      const { searchParams } = request.url;
      const limitText = searchParams.get('limit') ?? String(defaultLimit);
      const limit = Number(limitText);
      if (!/^\d+$/.test(limitText) || limit < 1) {
        return failure(400, code.badRequest, 'bad request', 'limit is a number from 1');
      }
      const endpoint = searchParams.get('tunnel_name') ?? undefined;
      const found = captures?.list({ limit, ...(endpoint === undefined ? {} : { endpoint }) }) ?? [];
      return { status: 200, body: { uri: '/api/requests/http', requests: found.map(requestShape) } };
    }
    case 'DELETE':
      captures?.clear();
      return { status: 204, body: null };
    case 'POST':
      return withBody(request, async (body) => {
        const { id: wantedId, tunnel_name: tunnelName } = body;
        const capture = typeof wantedId === 'string' ? (captures?.get(wantedId) ?? null) : null;
        if (capture === null) return failure(404, code.unknown, 'request not found', 'there is no request of this id');
        if (capture.upgrade !== null) {
          return failure(
            400,
            code.badRequest,
            'cannot be replayed',
            'a request that changes the protocol is not sent again',
          );
        }
        if (capture.request.isTruncated) {
          return failure(400, code.badRequest, 'cannot be replayed', 'its body was too long to be kept whole');
        }
        const { method, target, fields, trailers, body: bytes } = capture.request;
        try {
          await tunnels.replay(typeof tunnelName === 'string' && tunnelName !== '' ? tunnelName : capture.endpoint, {
            method,
            target,
            fields,
            trailers,
            body: bytes,
            replayOf: capture.id,
          });
        } catch (error) {
          if (!(error instanceof CliError)) throw error;
          return failure(400, code.badRequest, 'cannot be replayed', error.message);
        }
        return { status: 204, body: null };
      });
    default:
      return wrongMethod(request);
  }
}

// Common

function only(request: LocalRequest, method: string, answer: () => LocalAnswer): LocalAnswer {
  return request.method === method ? answer() : wrongMethod(request);
}

function wrongMethod(request: LocalRequest): LocalAnswer {
  return failure(405, code.badRequest, 'method not allowed', `${request.method} is not for ${request.url.pathname}`);
}

function failure(status: number, errorCode: number, msg: string, err: string): LocalAnswer {
  return { status, body: errorShape(status, errorCode, msg, err) };
}

async function withBody(
  request: LocalRequest,
  use: (body: Readonly<Record<string, unknown>>) => Promise<LocalAnswer>,
): Promise<LocalAnswer> {
  const read = await request.readJson();
  if (!read.ok) return failure(read.status, code.badRequest, 'bad request', read.err);
  const { value } = read;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return failure(400, code.badRequest, 'bad request', 'the body is a JSON object');
  }
  return use({ ...value });
}
