import type { ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { Capture, CaptureStore, Finding, ReplayRequest } from '@portico/agent';
import { readAsset } from '../assets.ts';
import { CliError } from '../output/cli-error.ts';
import type { TunnelSet } from '../tunnels/tunnel-set.ts';
import { type ExchangeRow, exchangeDetail, exchangeRow, matchesSearch } from './exchange-views.ts';
import { harOf } from './har.ts';
import type { LocalRequest } from './local-routes.ts';
import { sendJson, sendText } from './local-server.ts';
import { prometheusText } from './prometheus.ts';
import { endpointShape } from './shapes.ts';

export interface InspectorParts {
  readonly addr: string;
  readonly tunnels: TunnelSet;
  readonly captures: CaptureStore | null;
  readonly version: string;
  readonly connectUrl: string;
  readonly configPaths: readonly string[];
  readonly allowHosts: readonly string[];
}

const assets: Readonly<Record<string, string>> = {
  'inspector.css': 'text/css; charset=utf-8',
  'inspector.js': 'text/javascript; charset=utf-8',
  'logo.svg': 'image/svg+xml',
};

/** Rows that a page gets when it opens. */
const rowsMax = 1000;
const batchMs = 250;
const livePagesMax = 20;
const findingsMax = 20;

/** The inspector's page and what it asks for. All of it is of this version only: scripts use `/api`. */
export class InspectorRoutes {
  readonly #parts: InspectorParts;
  readonly #live = new Set<ServerResponse>();
  readonly #findings = new Map<string, { finding: Finding; at: string; times: number }>();
  #changed = new Map<string, ExchangeRow>();
  #removed: string[] = [];
  #isCleared = false;
  #stateChanged = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
    const { captures, tunnels } = parts;
    captures?.on('changed', this.#onChanged);
    captures?.on('removed', this.#onRemoved);
    captures?.on('cleared', this.#onCleared);
    tunnels.on('changed', this.#onState);
    tunnels.agent.on('state', this.#onState);
    tunnels.agent.on('finding', this.#onFinding);
  }

  /** False when it has no such page. */
  async answer(request: LocalRequest, response: ServerResponse): Promise<boolean> {
    const { pathname } = request.url;
    const route = `${request.method} ${pathname}`;
    const asset = pathname.startsWith('/inspect/assets/') ? pathname.slice('/inspect/assets/'.length) : null;
    if (asset !== null && request.method === 'GET') return this.#asset(asset, response);
    const id = /^\/inspect\/exchanges\/(airt_\w+)$/.exec(pathname)?.[1];
    if (id !== undefined && request.method === 'GET') {
      const capture = this.#parts.captures?.get(id) ?? null;
      if (capture === null) sendJson(response, 404, { error: 'This exchange is no longer kept.' });
      else sendJson(response, 200, exchangeDetail(capture));
      return true;
    }
    switch (route) {
      case 'GET /inspect/http':
      case 'GET /inspect':
      case 'GET /status':
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
        response.end(await readAsset('inspector.html'));
        return true;
      case 'GET /favicon.ico':
        return this.#asset('logo.svg', response);
      case 'GET /inspect/state':
        sendJson(response, 200, this.#state());
        return true;
      case 'GET /inspect/exchanges':
        sendJson(response, 200, { rows: this.#rows() });
        return true;
      case 'GET /inspect/search':
        sendJson(response, 200, this.#search(request.url.searchParams));
        return true;
      case 'GET /inspect/live':
        this.#openLive(response);
        return true;
      case 'GET /inspect/har':
        this.#har(request.url.searchParams, response);
        return true;
      case 'POST /inspect/replay':
        await this.#replay(request, response);
        return true;
      case 'GET /metrics':
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
        response.end(prometheusText(this.#parts));
        return true;
      default:
        return false;
    }
  }

  close(): void {
    const { captures, tunnels } = this.#parts;
    if (this.#timer !== null) clearTimeout(this.#timer);
    captures?.off('changed', this.#onChanged);
    captures?.off('removed', this.#onRemoved);
    captures?.off('cleared', this.#onCleared);
    tunnels.off('changed', this.#onState);
    tunnels.agent.off('state', this.#onState);
    tunnels.agent.off('finding', this.#onFinding);
    for (const page of this.#live) page.end();
  }

  async #asset(name: string, response: ServerResponse): Promise<boolean> {
    const type = assets[name];
    if (type === undefined) return false;
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' });
    response.end(await readAsset(name));
    return true;
  }

  #rows(): ExchangeRow[] {
    return (this.#parts.captures?.list({ limit: rowsMax }) ?? []).map(exchangeRow);
  }

  #state(): object {
    const { tunnels, captures, version, connectUrl, configPaths, addr, allowHosts } = this.#parts;
    const { agent } = tunnels;
    const { state } = agent;
    const session = state.kind === 'online' ? state.session : null;
    return {
      host: hostname(),
      version,
      status: state.kind,
      reason: state.kind === 'reconnecting' ? state.reason : null,
      region: session?.region ?? null,
      account: session?.accountName ?? null,
      plan: session?.planName ?? null,
      latencyMs: agent.latencyMs,
      connectUrl,
      configPaths,
      webAddr: addr,
      webAllowHosts: allowHosts,
      captures:
        captures === null
          ? null
          : {
              bytes: captures.bytes,
              maxBytes: captures.maxBytes,
              bodyBytesMax: captures.bodyBytesMax,
              passedOver: captures.passedOver,
            },
      figures: agent.figures(),
      endpoints: tunnels.list().map((tunnel) => ({
        ...endpointShape(tunnel, true),
        forwardsTo: tunnel.wanted.upstream.text,
        isOnline: tunnel.endpoint?.isOnline ?? false,
        proto: tunnel.endpoint?.proto ?? tunnel.wanted.proto,
      })),
      findings: [...this.#findings.values()].map(({ finding, at, times }) => ({ ...finding, at, times })),
    };
  }

  #search(params: URLSearchParams): object {
    const words = { headers: params.getAll('header'), bodies: params.getAll('body') };
    const found = (this.#parts.captures?.list({ limit: rowsMax }) ?? []).filter((each) => matchesSearch(each, words));
    return { ids: found.map(({ id }) => id) };
  }

  #har(params: URLSearchParams, response: ServerResponse): void {
    const { captures, version } = this.#parts;
    const ids = params.getAll('id');
    const all = captures?.list() ?? [];
    const chosen = ids.length === 0 ? all : all.filter(({ id }) => ids.includes(id));
    response.setHeader('content-disposition', 'attachment; filename="portico.har"');
    sendJson(response, 200, harOf(chosen, version));
  }

  /** Body: `{id, endpoint?, method?, target?, fields?, trailers?, body? (base64)}`; what is absent stays as it was. */
  async #replay(request: LocalRequest, response: ServerResponse): Promise<void> {
    const read = await request.readJson();
    if (!read.ok) {
      sendJson(response, read.status, { error: read.err });
      return;
    }
    const asked = readReplay(read.value);
    const capture = asked === null ? null : (this.#parts.captures?.get(asked.id) ?? null);
    if (asked === null || capture === null) {
      sendJson(response, 404, { error: 'This exchange is no longer kept.' });
      return;
    }
    const original = capture.request;
    if (asked.body === undefined && original.isTruncated) {
      sendJson(response, 400, { error: 'Its body was too long to be kept whole, so it cannot be sent again.' });
      return;
    }
    const message: ReplayRequest = {
      method: asked.method ?? original.method,
      target: asked.target ?? original.target,
      fields: asked.fields ?? original.fields,
      trailers: asked.trailers ?? original.trailers,
      body: asked.body ?? original.body,
      replayOf: capture.id,
    };
    try {
      const sent = await this.#parts.tunnels.replay(asked.endpoint ?? capture.endpoint, message);
      sendJson(response, 201, { id: sent.id });
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      sendJson(response, 400, { error: error.message });
    }
  }

  // Live

  #openLive(response: ServerResponse): void {
    if (this.#live.size >= livePagesMax) {
      sendText(response, 503, 'Too many inspector pages are open.');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    this.#live.add(response);
    response.on('close', () => this.#live.delete(response));
  }

  readonly #onChanged = (capture: Capture): void => {
    if (this.#live.size === 0) return;
    this.#changed.set(capture.id, exchangeRow(capture));
    this.#later();
  };

  readonly #onRemoved = (id: string): void => {
    if (this.#live.size === 0) return;
    this.#changed.delete(id);
    this.#removed.push(id);
    this.#later();
  };

  readonly #onCleared = (): void => {
    this.#changed.clear();
    this.#removed = [];
    this.#isCleared = true;
    this.#later();
  };

  readonly #onState = (): void => {
    this.#stateChanged = true;
    this.#later();
  };

  readonly #onFinding = (finding: Finding): void => {
    const key = `${finding.endpoint} ${finding.kind} ${finding.fix}`;
    const times = (this.#findings.get(key)?.times ?? 0) + 1;
    this.#findings.delete(key);
    this.#findings.set(key, { finding, at: new Date().toISOString(), times });
    for (const oldest of this.#findings.keys()) {
      if (this.#findings.size <= findingsMax) break;
      this.#findings.delete(oldest);
    }
    this.#onState();
  };

  #later(): void {
    if (this.#live.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#send();
    }, batchMs).unref();
  }

  #send(): void {
    const event = {
      cleared: this.#isCleared,
      rows: [...this.#changed.values()],
      removed: this.#removed,
      state: this.#stateChanged,
    };
    this.#changed = new Map();
    this.#removed = [];
    this.#isCleared = false;
    this.#stateChanged = false;
    const text = `data: ${JSON.stringify(event)}\n\n`;
    for (const page of this.#live) {
      // A page that does not read is closed: it comes back and asks for all.
      if (page.writableLength > 4_194_304) page.destroy();
      else page.write(text);
    }
  }
}

interface AskedReplay {
  readonly id: string;
  readonly endpoint?: string;
  readonly method?: string;
  readonly target?: string;
  readonly fields?: string[];
  readonly trailers?: string[];
  readonly body?: Buffer;
}

function readReplay(value: unknown): AskedReplay | null {
  if (typeof value !== 'object' || value === null || !('id' in value) || typeof value.id !== 'string') return null;
  const text = (key: string): string | undefined => {
    const found: unknown = Reflect.get(value, key);
    return typeof found === 'string' ? found : undefined;
  };
  const texts = (key: string): string[] | undefined => {
    const found: unknown = Reflect.get(value, key);
    return Array.isArray(found) ? found.filter((each) => typeof each === 'string') : undefined;
  };
  const [endpoint, method, target, body] = [text('endpoint'), text('method'), text('target'), text('body')];
  const [fields, trailers] = [texts('fields'), texts('trailers')];
  return {
    id: value.id,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(method === undefined ? {} : { method }),
    ...(target === undefined ? {} : { target }),
    ...(fields === undefined ? {} : { fields }),
    ...(trailers === undefined ? {} : { trailers }),
    ...(body === undefined ? {} : { body: Buffer.from(body, 'base64') }),
  };
}
