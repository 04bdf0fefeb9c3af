import type { Exchange } from '@portico/agent';
import sliceAnsi from 'slice-ansi';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { safeText } from '../safe-text.ts';
import type { Glyphs, Paint, Style } from './paint.ts';
import { reachLine } from './reach-words.ts';
import type { EndpointView, ScreenView } from './screen-view.ts';

export interface RenderOptions {
  readonly columns: number;
  readonly rows: number;
  readonly paint: Paint;
  readonly glyphs: Glyphs;
}

/**
 * The lines of one frame, `rows` at most and none wider than `columns` (ui.md section 6.10): the path, the rows, the
 * requests, the keys. Below 90 columns labels are narrower, below 60 only what matters most is left.
 */
export function renderScreen(view: ScreenView, options: RenderOptions): string[] {
  const { columns, rows } = options;
  const isTiny = columns < 60;
  const isWide = columns >= 90;
  const lines = [head(view, options)];
  if (!isTiny) {
    if (isWide) lines.push('');
    lines.push(...path(view, options), '');
  }
  const labelled = isTiny ? [...statusRows(view), ...forwardingRows(view, options)] : allRows(view, options);
  lines.push(...labelled.flatMap((row) => layRow(row, options)));
  const foot = footer(view, options);
  const left = rows - lines.length - foot.length;
  const page = view.showsKeys ? keys(options) : (view.detail ?? view.qr);
  if (page !== null) lines.push(...page.slice(0, Math.max(0, left)));
  else if (view.endpoints.some((endpoint) => endpoint.isHttp)) lines.push(...requests(view, left, options));
  while (lines.length < rows - foot.length && lines.length < 200) lines.push('');
  return [...lines.slice(0, Math.max(0, rows - foot.length)), ...foot]
    .slice(0, rows)
    .map((line) => fit(line, columns, options));
}

// Head and path

function head(_view: ScreenView, { columns, paint }: RenderOptions): string {
  const hint = columns >= 90 ? '(Ctrl+C to quit)' : 'Ctrl+C quits';
  return spread(paint('strong', 'portico'), hint, columns);
}

type Hop = 'works' | 'unknown';

function path(view: ScreenView, options: RenderOptions): string[] {
  const { columns, paint, glyphs } = options;
  const isOnline = view.state.kind === 'online';
  const upstream: Hop = view.upstreamFailure === null ? 'works' : 'unknown';
  const hops: Hop[] = isOnline ? ['works', 'works', 'works', upstream] : ['unknown', 'unknown', 'works', upstream];
  const width = Math.floor(columns / 4);
  const line = hops
    .map((hop, i) => (hop === 'works' ? glyphs.lintel : glyphs.dashed).repeat(i === 3 ? columns - 3 * width : width))
    .join('');
  const breaks =
    view.state.kind === 'reconnecting' ? 2 * width - 6 : isOnline && upstream === 'unknown' ? 3 * width - 6 : null;
  const lintel =
    breaks === null ? line : `${line.slice(0, breaks)} ${paint('strong-bad', glyphs.cross)} ${line.slice(breaks + 3)}`;

  const cell = (hop: Hop, text: string, i: number): string => {
    const mark = hop === 'works' ? paint(i === 0 ? 'plain' : 'good', glyphs.column) : paint('quiet', glyphs.hollow);
    const room = i === 3 ? columns - 3 * width - 2 : width - 3;
    // The port says more than the name that every machine has.
    const shown = cut(stringWidth(text) > room ? text.replace(/^localhost(?=:)/, '') : text, room, options);
    const gap = i === 3 ? '' : ' '.repeat(Math.max(0, room + 1 - stringWidth(shown)));
    return `${mark} ${hop === 'works' ? shown : paint('quiet', shown)}${gap}`;
  };
  const names = ['Visitors', 'Edge', 'Agent', 'Upstream'];
  const rows = [lintel, hops.map((hop, i) => cell(hop, names[i] ?? '', i)).join('')];
  if (columns >= 90) rows.push(hops.map((hop, i) => cell(hop, details(view, options)[i] ?? '', i)).join(''));
  return rows;
}

function details(view: ScreenView, { glyphs }: RenderOptions): string[] {
  const { state, endpoints } = view;
  const region = state.kind === 'online' ? (state.session.region ?? view.connectUrl) : view.connectUrl;
  const join = (name: string, note: string | null): string => (note === null ? name : `${name} ${glyphs.dot} ${note}`);
  const [first] = endpoints;
  const upstream = first === undefined ? '' : first.forwardsTo.replace(/^https?:\/\//, '');
  const note = view.upstreamFailure !== null ? failureWord(view.upstreamFailure) : ms(view.upstreamMs);
  return [
    state.kind === 'online' ? `${view.figures.open} open` : '',
    safeText(state.kind === 'online' ? join(region, ms(view.latencyMs)) : region),
    safeText(view.agentName),
    safeText(join(upstream, note)),
  ];
}

// Rows

interface Row {
  readonly label: string;
  /** One line each, wrapped where it is too long; of several pieces only where they fit. */
  readonly values: readonly (readonly Piece[])[];
}

interface Piece {
  readonly style: Style;
  readonly text: string;
}

function allRows(view: ScreenView, options: RenderOptions): Row[] {
  const rows = statusRows(view);
  const { state } = view;
  if (state.kind === 'online') {
    const { accountName, planName, region, banner } = state.session;
    if (accountName !== null)
      rows.push(plainRow('Account', planName === null ? accountName : `${accountName} (Plan: ${planName})`));
    rows.push(plainRow('Version', view.version));
    if (region !== null) rows.push(plainRow('Region', region));
    const latency = ms(view.latencyMs);
    if (latency !== null) rows.push(plainRow('Latency', latency.replace(' ', '')));
    if (banner !== null) rows.push(plainRow('Notice', banner));
  }
  if (view.webUrl !== null) rows.push(plainRow('Web Interface', view.webUrl));
  rows.push(...forwardingRows(view, options), ...connectionRows(view, options));
  return rows;
}

function statusRows(view: ScreenView): Row[] {
  const { state } = view;
  const value = (style: Style, text: string, ...more: string[]): Row[] => [
    { label: 'Session Status', values: [[{ style, text }], ...more.map((each) => [plain(safeText(each))])] },
  ];
  if (view.leaving !== null) {
    const open = view.leaving === 1 ? '1 connection finishes' : `${view.leaving} connections finish`;
    const [what, hint] = view.isRestarting ? ['restarting', 'Ctrl+C to stop'] : ['stopping', 'Ctrl+C again to cut'];
    return value('wait', view.leaving === 0 ? what : `${what}, ${open} (${hint})`);
  }
  switch (state.kind) {
    case 'online':
      return value('good', 'online');
    case 'connecting':
      return value('wait', 'connecting', `to ${view.connectUrl}`);
    case 'reconnecting': {
      const seconds = Math.ceil((view.retryInMs ?? state.inMs) / 1000);
      const when = seconds <= 0 ? 'now' : `in ${seconds} s`;
      const reach = state.reach === null ? '' : reachLine(state.reach);
      const lines = [...state.reason.split('\n'), ...(reach === '' ? [] : [reach])];
      return value('strong-wait', `reconnecting, try ${state.attempt} ${when}`, ...lines);
    }
    case 'stopped':
      return value('bad', 'stopped');
  }
}

function forwardingRows(view: ScreenView, { columns }: RenderOptions): Row[] {
  const isKept = view.state.kind !== 'online';
  return view.endpoints.map((endpoint) => {
    const kept = isKept && endpoint.url !== '' ? ' (kept for you)' : '';
    const to = `-> ${safeText(endpoint.forwardsTo)}${kept}`;
    const url = endpoint.url === '' ? 'opening' : safeText(endpoint.url);
    const style: Style = endpoint.url === '' ? 'wait' : 'link';
    const fitsOneLine = labelWidth(columns) + stringWidth(url) + 1 + stringWidth(to) <= columns;
    const values = fitsOneLine ? [[{ style, text: url }, plain(` ${to}`)]] : [[{ style, text: url }], [plain(to)]];
    return { label: 'Forwarding', values };
  });
}

function connectionRows(view: ScreenView, { columns }: RenderOptions): Row[] {
  const { total, open, rate1, rate5, p50Ms, p90Ms } = view.figures;
  if (columns < 90) {
    const middle = p50Ms === null ? '' : `, p50 ${Math.round(p50Ms)} ms`;
    return [plainRow('Connections', `${total} total, ${open} open${middle}`)];
  }
  const seconds = (value: number | null): string => (value === null ? '0.00' : (value / 1000).toFixed(2));
  const cells = (texts: readonly string[]): string =>
    texts
      .map((text) => text.padEnd(9))
      .join('')
      .trimEnd();
  return [
    { label: '', values: [] },
    {
      label: 'Connections',
      values: [
        [plain(cells(['ttl', 'opn', 'rt1', 'rt5', 'p50', 'p90']))],
        [
          plain(
            cells([String(total), String(open), rate1.toFixed(2), rate5.toFixed(2), seconds(p50Ms), seconds(p90Ms)]),
          ),
        ],
      ],
    },
  ];
}

function plainRow(label: string, text: string): Row {
  return { label, values: [[plain(safeText(text))]] };
}

function plain(text: string): Piece {
  return { style: 'plain', text };
}

function layRow(row: Row, options: RenderOptions): string[] {
  const { columns, paint } = options;
  const width = labelWidth(columns);
  if (row.values.length === 0) return [''];
  const wrapped = row.values.flatMap((pieces) => {
    const [only] = pieces;
    if (pieces.length > 1 || only === undefined) return [pieces.map(({ style, text }) => paint(style, text)).join('')];
    return wrapAnsi(only.text, Math.max(10, columns - width), { hard: true })
      .split('\n')
      .map((line) => paint(only.style, line));
  });
  return wrapped.map((line, i) => `${paint('quiet', (i === 0 ? row.label : '').padEnd(width))}${line}`);
}

function labelWidth(columns: number): number {
  return columns >= 90 ? 30 : 16;
}

// Requests

function requests(view: ScreenView, rowsLeft: number, options: RenderOptions): string[] {
  const { columns, paint, glyphs } = options;
  const shown = view.exchanges
    .filter((exchange) => matchesFilter(exchange, view.filter))
    .slice(0, Math.max(0, rowsLeft - 3));
  if (rowsLeft < 4) return [];
  const count = columns < 60 || view.exchangesTotal === 0 ? '' : `last ${shown.length} of ${view.exchangesTotal}`;
  const note = view.isPaused
    ? paint('wait', 'paused')
    : view.filter !== ''
      ? paint('wait', `matching "${safeText(view.filter)}"`)
      : '';
  return [
    '',
    spread('HTTP Requests', note === '' ? count : `${note}${count === '' ? '' : `  ${count}`}`, columns),
    paint('quiet', glyphs.rule.repeat(columns)),
    ...shown.map((exchange) => requestLine(exchange, exchange.id === view.selectedId, options)),
  ];
}

function requestLine(exchange: Exchange, isSelected: boolean, options: RenderOptions): string {
  const { columns, paint, glyphs } = options;
  const isWide = columns >= 90;
  const time = clockTime(exchange.startedAt, isWide);
  const isSocket = exchange.upgrade === 'websocket';
  const method = cut(safeText(isSocket ? 'WS' : exchange.method), isWide ? 7 : 5, options);
  const last = lastWord(exchange);
  const statusAt = isWide ? Math.floor(columns * 0.6) : columns - 16;
  const pathAt = time.length + (isWide ? 10 : 8);
  const room = Math.max(4, statusAt - pathAt - 1);
  const shownPath = cutHead(safeText(exchange.path), room, options);
  const status = statusText(exchange, isWide);
  const statusRoom = Math.max(3, columns - statusAt - last.length - 1);
  return [
    paint(isSelected ? 'strong' : 'quiet', time),
    isSelected ? glyphs.pointer : '  ',
    paint(methodStyle(isSocket ? 'WS' : exchange.method), method),
    ' '.repeat(Math.max(1, pathAt - time.length - 2 - stringWidth(method))),
    shownPath,
    ' '.repeat(Math.max(1, statusAt - pathAt - stringWidth(shownPath))),
    paint(statusStyle(exchange), cut(status, statusRoom, options)),
    ' '.repeat(Math.max(1, columns - statusAt - Math.min(statusRoom, stringWidth(status)) - last.length)),
    last,
  ].join('');
}

function lastWord(exchange: Exchange): string {
  if (exchange.state === 'open') return 'open';
  if (exchange.state === 'cut') return 'cut';
  const took = exchange.durationMs ?? 0;
  return took < 10_000 ? `${took} ms` : `${(took / 1000).toFixed(1)} s`;
}

function statusText(exchange: Exchange, isWide: boolean): string {
  if (exchange.status === null) return '';
  return isWide && exchange.reason !== '' ? `${exchange.status} ${safeText(exchange.reason)}` : String(exchange.status);
}

function statusStyle({ status }: Exchange): Style {
  if (status === null || status < 400) return 'plain';
  return status < 500 ? 'wait' : 'strong-bad';
}

function methodStyle(method: string): Style {
  switch (method) {
    case 'POST':
      return 'strong-link';
    case 'PUT':
    case 'PATCH':
      return 'strong-wait';
    case 'DELETE':
      return 'strong-bad';
    case 'WS':
      return 'strong-good';
    default:
      return 'plain';
  }
}

/** Whether all words of the filter stand in its line. */
export function matchesFilter(exchange: Exchange, filter: string): boolean {
  if (filter === '') return true;
  const text = `${exchange.upgrade === 'websocket' ? 'WS ' : ''}${exchange.method} ${exchange.path} ${exchange.status ?? ''}`;
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.toLowerCase().includes(word));
}

function clockTime(at: Date, withMs: boolean): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMs ? `${time}.${String(at.getMilliseconds()).padStart(3, '0')}` : time;
}

// Foot

const keyHelp = [
  ['q', 'QR code of the URL'],
  ['c', 'copy the URL'],
  ['i', 'open the inspector'],
  ['/', 'filter the requests; Esc clears'],
  ['j k', 'choose a request, as the arrow keys do'],
  ['Enter', 'look at it'],
  ['r', 'send it again'],
  ['p', 'pause the list'],
  ['?', 'these keys'],
  ['Ctrl+C', 'stop: what is in flight finishes; twice: at once'],
] as const;

function keys({ paint }: RenderOptions): string[] {
  return ['', 'Keys', ...keyHelp.map(([key, text]) => `${paint('strong', key.padEnd(8))}${text}`)];
}

function footer(view: ScreenView, { columns, paint }: RenderOptions): string[] {
  const lines: string[] = [];
  const advice = adviceFor(view);
  if (advice !== null) lines.push(paint('wait', `! ${advice}`));
  if (view.isFiltering) lines.push(`/${safeText(view.filter)}_`);
  else if (view.notice !== '') lines.push(safeText(view.notice));
  else {
    const hasRequests = view.endpoints.some((endpoint: EndpointView) => endpoint.isHttp);
    const wide = columns >= 90;
    const words = [
      wide ? 'q QR code' : 'q QR',
      wide ? 'c copy URL' : 'c copy',
      ...(view.webUrl === null ? [] : ['i inspector']),
      ...(hasRequests && wide ? ['/ filter'] : []),
    ];
    const left = words.join('   ');
    lines.push(paint('quiet', spread(left, wide ? '? all keys' : '? keys', columns)));
  }
  return ['', ...lines];
}

function adviceFor(view: ScreenView): string | null {
  const { upstreamFailure, endpoints, finding } = view;
  if (finding !== null) return `${safeText(finding.summary)} ${safeText(finding.fix)}`;
  if (upstreamFailure === null) return null;
  const target = safeText(endpoints[0]?.forwardsTo.replace(/^https?:\/\//, '') ?? 'the upstream');
  if (upstreamFailure.includes('ECONNREFUSED'))
    return `${target} refuses connections. Is the app running, on this port?`;
  if (upstreamFailure.includes('ENOTFOUND')) return `DNS knows no address for ${target}.`;
  return `${target} cannot be reached: ${safeText(upstreamFailure)}`;
}

function failureWord(failure: string): string {
  if (failure.includes('ECONNREFUSED')) return 'refuses';
  if (failure.includes('no answer') || failure.includes('ETIMEDOUT')) return 'no answer';
  return 'unreachable';
}

// Text

function ms(value: number | null): string | null {
  return value === null ? null : `${Math.max(0, Math.round(value))} ms`;
}

function spread(left: string, right: string, columns: number): string {
  return `${left}${' '.repeat(Math.max(1, columns - stringWidth(left) - stringWidth(right)))}${right}`;
}

function cut(text: string, width: number, { glyphs }: RenderOptions): string {
  return stringWidth(text) <= width ? text : `${sliceAnsi(text, 0, Math.max(0, width - 1))}${glyphs.ellipsis}`;
}

/** The end of a path says more than its start. */
function cutHead(text: string, width: number, { glyphs }: RenderOptions): string {
  const total = stringWidth(text);
  return total <= width ? text : `${glyphs.ellipsis}${sliceAnsi(text, total - width + 1)}`;
}

function fit(line: string, columns: number, options: RenderOptions): string {
  return stringWidth(line) <= columns ? line : cut(line, columns, options);
}
