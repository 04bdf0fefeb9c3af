import { hostname } from 'node:os';
import type { Agent, Exchange } from '@portico/agent';
import type { CliContext } from '../../context.ts';
import { FrameWriter } from './frame-writer.ts';
import { asciiGlyphs, makePaint, unicodeGlyphs } from './paint.ts';
import { renderScreen } from './render-screen.ts';
import type { EndpointView } from './screen-view.ts';

export interface ConsoleScreenOptions {
  readonly agent: Agent;
  readonly context: CliContext;
  readonly connectUrl: string;
  /** What was asked for; shown as "opening" until it is public. */
  readonly endpoints: readonly { readonly name: string; readonly forwardsTo: string; readonly isHttp: boolean }[];
  /** Ctrl+C: the terminal is in raw mode, so it comes as a key. */
  onQuit(): void;
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
    const { agent, context } = options;
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
    const { agent, context, connectUrl } = this.#options;
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
        endpoints: this.#endpoints(),
        figures: agent.figures(),
        exchanges: this.#frozen ?? [...this.#exchanges.values()].reverse(),
        exchangesTotal: this.#exchangesTotal,
        filter: this.#filter,
        isFiltering: this.#isFiltering,
        isPaused: this.#frozen !== null,
        showsKeys: this.#showsKeys,
        notice: this.#notice,
        leaving: this.#isLeaving ? agent.openStreams : null,
      },
      // A terminal that does not tell its size is taken for the smallest usual one.
      { columns: context.stdout.columns || 80, rows: context.stdout.rows || 24, ...this.#render },
    );
    this.#writer.draw(lines);
  }

  #endpoints(): EndpointView[] {
    const live = this.#options.agent.endpoints;
    return this.#options.endpoints.map(({ name, forwardsTo, isHttp }) => {
      const endpoint = live.find((each) => each.name === name);
      return { name, forwardsTo, isHttp, url: endpoint?.url ?? '', isOnline: endpoint?.isOnline ?? false };
    });
  }

  #keep(exchange: Exchange): void {
    if (!this.#exchanges.has(exchange.id)) this.#exchangesTotal += 1;
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
    // Arrow keys and the like are one chunk that starts with ESC; none of them means anything here.
    const keys = String(text);
    if (keys.length > 1 && keys.startsWith('\u001b')) return;
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
      this.#filter = '';
      this.#showsKeys = false;
    } else if (key === '?') this.#showsKeys = !this.#showsKeys;
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

  /** Through the terminal (OSC 52), which works over ssh too. */
  #copy(): void {
    const url = this.#endpoints().find((endpoint) => endpoint.url !== '')?.url;
    if (url === undefined) return;
    this.#options.context.stdout.write(`\u001b]52;c;${Buffer.from(url).toString('base64')}\u0007`);
    this.#notice = `${url} sent to the clipboard`;
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
