import { hostname } from 'node:os';
import type { CaptureStore, Exchange, Finding } from '@portico/agent';
import type { CliContext } from '../../context.ts';
import type { TunnelSet } from '../../tunnels/tunnel-set.ts';
import { FrameWriter } from './frame-writer.ts';
import { asciiGlyphs, makePaint, unicodeGlyphs } from './paint.ts';
import { matchesFilter, renderScreen } from './render-screen.ts';
import { detailLines } from './request-detail.ts';
import type { EndpointView } from './screen-view.ts';

export interface ConsoleScreenOptions {
  readonly tunnels: TunnelSet;
  readonly context: CliContext;
  readonly connectUrl: string;
  /** Of the local API; null without one. */
  readonly webUrl: string | null;
  readonly captures: CaptureStore | null;
  /** Ctrl+C: the terminal is in raw mode, so it comes as a key. */
  onQuit(): void;
  /** The command finishes what is in flight in order to begin anew. */
  isRestarting(): boolean;
}

const frameMs = 100;
const exchangesMax = 500;
const filterCharsMax = 80;

/** The screen of a running agent: draws at most ten frames a second, and only what changed. */
export class ConsoleScreen {
  readonly #options: ConsoleScreenOptions;
  readonly #writer: FrameWriter;
  readonly #render: Pick<Parameters<typeof renderScreen>[1], 'paint' | 'glyphs'>;
  /** By id, oldest first. */
  readonly #exchanges = new Map<number, Exchange>();
  #exchangesTotal = 0;
  /** What the list showed when it was paused. */
  #frozen: readonly Exchange[] | null = null;
  #upstreamFailure: string | null = null;
  #finding: Finding | null = null;
  #qr: readonly string[] | null = null;
  #selectedId: number | null = null;
  #showsDetail = false;
  #retryAtMs: number | null = null;
  #filter = '';
  #isFiltering = false;
  #showsKeys = false;
  #notice = '';
  #isLeaving = false;
  #frameTimer: NodeJS.Timeout | null = null;
  #noticeTimer: NodeJS.Timeout | null = null;
  /** Countdown, rates and latency change without an event. */
  readonly #secondTimer: NodeJS.Timeout;

  constructor(options: ConsoleScreenOptions) {
    this.#options = options;
    const { context } = options;
    const { agent } = options.tunnels;
    const { stdout, stdin } = context;
    this.#writer = new FrameWriter({
      get columns() {
        return stdout.columns;
      },
      get rows() {
        return stdout.rows;
      },
      write: (text) => {
        stdout.write(text);
      },
    });
    this.#render = {
      paint: makePaint(wantsColours(context)),
      glyphs: showsUnicode(context) ? unicodeGlyphs : asciiGlyphs,
    };
    agent.on('state', (state) => {
      this.#retryAtMs = state.kind === 'reconnecting' ? performance.now() + state.inMs : null;
      this.#later();
    });
    agent.on('exchange', (exchange) => this.#keep(exchange));
    agent.on('closed', ({ failure }) => {
      if (failure !== null) this.#upstreamFailure = failure;
      this.#later();
    });
    agent.on('finding', (finding) => {
      this.#finding = finding;
      this.#later();
    });
    options.tunnels.on('changed', this.#later);
    agent.on('dialled', () => {
      this.#upstreamFailure = null;
      this.#later();
    });
    for (const event of ['online', 'offline', 'opened', 'latency'] as const) agent.on(event, this.#later);
    this.#secondTimer = setInterval(this.#later, 1000);
    stdout.on('resize', this.#onResize);
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      stdin.setEncoding('utf8');
      stdin.on('data', this.#onKeys);
      stdin.resume();
    }
    process.on('SIGCONT', this.#onContinue);
    this.#writer.open();
    this.#draw();
  }

  /** Gives the terminal back as it was. */
  close(): void {
    const { stdin, stdout } = this.#options.context;
    clearInterval(this.#secondTimer);
    if (this.#frameTimer !== null) clearTimeout(this.#frameTimer);
    if (this.#noticeTimer !== null) clearTimeout(this.#noticeTimer);
    stdout.off('resize', this.#onResize);
    process.off('SIGCONT', this.#onContinue);
    if (stdin.isTTY) {
      stdin.off('data', this.#onKeys);
      stdin.setRawMode(false);
      stdin.pause();
    }
    this.#writer.close();
  }

  readonly #later = (): void => {
    this.#frameTimer ??= setTimeout(() => {
      this.#frameTimer = null;
      this.#draw();
    }, frameMs);
  };

  #draw(): void {
    const { tunnels, context, connectUrl, webUrl } = this.#options;
    const { agent } = tunnels;
    const lines = renderScreen(
      {
        now: new Date(),
        state: agent.state,
        retryInMs: this.#retryAtMs === null ? null : Math.max(0, this.#retryAtMs - performance.now()),
        connectUrl,
        agentName: hostname(),
        version: context.version,
        latencyMs: agent.latencyMs,
        upstreamMs: agent.upstreamMs,
        upstreamFailure: this.#upstreamFailure,
        webUrl,
        finding: this.#finding,
        qr: this.#qr,
        selectedId: this.#selectedId,
        detail: this.#detail(),
        endpoints: this.#endpoints(),
        figures: agent.figures(),
        exchanges: this.#frozen ?? [...this.#exchanges.values()].reverse(),
        exchangesTotal: this.#exchangesTotal,
        filter: this.#filter,
        isFiltering: this.#isFiltering,
        isPaused: this.#frozen !== null,
        showsKeys: this.#showsKeys,
        notice: this.#notice,
        leaving: this.#isLeaving || this.#options.isRestarting() ? agent.openStreams : null,
        isRestarting: this.#options.isRestarting(),
      },
      // A terminal that does not tell its size is taken for the smallest usual one.
      { columns: context.stdout.columns || 80, rows: context.stdout.rows || 24, ...this.#render },
    );
    this.#writer.draw(lines);
  }

  #endpoints(): EndpointView[] {
    return this.#options.tunnels.list().map(({ wanted, endpoint }) => ({
      name: wanted.name,
      forwardsTo: wanted.upstream.text,
      isHttp: wanted.proto === 'http',
      url: endpoint?.url ?? '',
      isOnline: endpoint?.isOnline ?? false,
    }));
  }

  #keep(exchange: Exchange): void {
    if (!this.#exchanges.has(exchange.id)) this.#exchangesTotal += 1;
    // The upstream takes requests now: what it refused is mended.
    const isGood = exchange.status !== null && exchange.status < 400;
    if (isGood && this.#finding?.endpoint === exchange.endpoint) this.#finding = null;
    this.#exchanges.set(exchange.id, exchange);
    for (const id of this.#exchanges.keys()) {
      if (this.#exchanges.size <= exchangesMax) break;
      this.#exchanges.delete(id);
    }
    this.#later();
  }

  readonly #onResize = (): void => {
    this.#writer.forget();
    this.#draw();
  };

  readonly #onContinue = (): void => {
    const { stdin } = this.#options.context;
    if (stdin.isTTY) stdin.setRawMode(true);
    this.#writer.open();
    this.#draw();
  };

  readonly #onKeys = (text: string | Buffer): void => {
    // Arrow keys and the like are one chunk that starts with ESC.
    const keys = String(text);
    if (/^\u001b[[O]/.test(keys)) {
      if (keys === '\u001b[A' || keys === '\u001bOA') this.#select(-1);
      else if (keys === '\u001b[B' || keys === '\u001bOB') this.#select(1);
      this.#draw();
      return;
    }
    for (const key of keys) this.#onKey(key);
    this.#draw();
  };

  #onKey(key: string): void {
    if (key === '\u0003') {
      this.#isLeaving = true;
      this.#options.onQuit();
    } else if (key === '\u001a') this.#suspend();
    else if (this.#isFiltering) this.#onFilterKey(key);
    else if (key === '/') this.#isFiltering = true;
    else if (key === '\u001b') {
      this.#back();
    } else if (key === '\r' || key === '\n') this.#showsDetail = this.#selectedId !== null;
    else if (key === 'j') this.#select(1);
    else if (key === 'k') this.#select(-1);
    else if (key === 'q') void this.#toggleQr();
    else if (key === 'i') this.#openInspector();
    else if (key === 'r') void this.#replay();
    else if (key === '?') this.#showsKeys = !this.#showsKeys;
    else if (key === 'p') this.#frozen = this.#frozen === null ? [...this.#exchanges.values()].reverse() : null;
    else if (key === 'c') this.#copy();
  }

  #onFilterKey(key: string): void {
    if (key === '\r' || key === '\n') this.#isFiltering = false;
    else if (key === '\u001b') {
      this.#filter = '';
      this.#isFiltering = false;
    } else if (key === '\u007f' || key === '\b') this.#filter = [...this.#filter].slice(0, -1).join('');
    else if (key >= ' ' && this.#filter.length < filterCharsMax) this.#filter += key;
  }

  /** Esc: out of whatever was opened last. */
  #back(): void {
    if (this.#showsDetail) this.#showsDetail = false;
    else if (this.#qr !== null) this.#qr = null;
    else if (this.#showsKeys) this.#showsKeys = false;
    else {
      this.#filter = '';
      this.#selectedId = null;
    }
  }

  /** Newest first, as they are shown. */
  #shown(): readonly Exchange[] {
    const all = this.#frozen ?? [...this.#exchanges.values()].reverse();
    return all.filter((exchange) => matchesFilter(exchange, this.#filter));
  }

  #select(step: number): void {
    const shown = this.#shown();
    if (shown.length === 0) return;
    const now = shown.findIndex(({ id }) => id === this.#selectedId);
    const next = now === -1 ? 0 : Math.max(0, Math.min(shown.length - 1, now + step));
    this.#selectedId = shown[next]?.id ?? null;
  }

  #detail(): readonly string[] | null {
    if (!this.#showsDetail || this.#selectedId === null) return null;
    const exchange = this.#exchanges.get(this.#selectedId);
    if (exchange === undefined) return null;
    const capture = exchange.captureId === null ? null : (this.#options.captures?.get(exchange.captureId) ?? null);
    return detailLines(exchange, capture);
  }

  async #toggleQr(): Promise<void> {
    const url = this.#endpoints().find((endpoint) => endpoint.url !== '')?.url;
    if (this.#qr !== null || url === undefined) this.#qr = null;
    else {
      const { qrLines } = await import('./qr-code.ts');
      this.#qr = qrLines(url, this.#render.glyphs === unicodeGlyphs);
    }
    this.#draw();
  }

  #openInspector(): void {
    const { webUrl, context } = this.#options;
    if (webUrl === null) return;
    void import('./open-browser.ts').then(({ openBrowser }) => openBrowser(webUrl, context));
    this.#say(`The inspector is at ${webUrl}`);
  }

  async #replay(): Promise<void> {
    const exchange = this.#selectedId === null ? this.#shown()[0] : this.#exchanges.get(this.#selectedId);
    const { captures, tunnels } = this.#options;
    const capture = exchange?.captureId == null ? null : (captures?.get(exchange.captureId) ?? null);
    if (capture === null) {
      this.#say('No request is kept that could be sent again.');
      return;
    }
    if (capture.upgrade !== null || capture.request.isTruncated) {
      this.#say('This request cannot be sent again: it was not kept whole.');
      return;
    }
    const { method, target, fields, trailers, body } = capture.request;
    try {
      await tunnels.replay(capture.endpoint, { method, target, fields, trailers, body, replayOf: capture.id });
      this.#say(`Sent again: ${method} ${target}`);
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error));
    }
  }

  /** Through the terminal (OSC 52), which works over ssh too. */
  #copy(): void {
    const url = this.#endpoints().find((endpoint) => endpoint.url !== '')?.url;
    if (url === undefined) return;
    this.#options.context.stdout.write(`\u001b]52;c;${Buffer.from(url).toString('base64')}\u0007`);
    this.#say(`${url} sent to the clipboard`);
  }

  #say(text: string): void {
    this.#notice = text;
    this.#later();
    if (this.#noticeTimer !== null) clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => {
      this.#notice = '';
      this.#later();
    }, 2000);
  }

  #suspend(): void {
    const { stdin } = this.#options.context;
    this.#writer.close();
    if (stdin.isTTY) stdin.setRawMode(false);
    process.kill(process.pid, 'SIGTSTP');
  }
}

function wantsColours({ env }: CliContext): boolean {
  return (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

/** Only a locale that says UTF-8 promises more than ASCII. */
function showsUnicode({ env, platform }: CliContext): boolean {
  if (platform === 'darwin' || platform === 'win32') return true;
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
}
