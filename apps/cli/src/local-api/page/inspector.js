// The inspector. Everything that comes from traffic becomes text nodes, never markup; HTML and images are shown on
// demand only, in a frame without scripts and with an origin of its own.

/** @param {string} id */
const byId = (id) => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no #${id}`);
  return found;
};

/**
 * An element with text and children; strings become text nodes.
 * @param {string} tag
 * @param {Record<string, unknown>} props
 * @param {...(Node | string | null)} children
 */
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on') && typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (name === 'value') node.value = String(value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const state = {
  /** By id, newest last. */
  rows: new Map(),
  selected: null,
  detail: null,
  /** What the chosen exchange was sent again from; null before it is asked for, false when it is no longer kept. */
  original: null,
  tab: 'Summary',
  editing: null,
  facts: null,
  filter: '',
  /** Ids that hold the header and body words of the filter; null without such words. */
  found: null,
};

// Data

async function ask(path, options = {}) {
  const response = await fetch(path, options);
  const body = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(body?.error ?? body?.details?.err ?? `answer ${response.status}`);
  return body;
}

const send = (path, value) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });

async function loadRows() {
  const { rows } = await ask('/inspect/exchanges');
  state.rows = new Map(rows.reverse().map((row) => [row.id, row]));
  await search();
  drawRows();
}

async function loadState() {
  state.facts = await ask('/inspect/state');
  drawFacts();
}

function openLive() {
  const live = new EventSource('/inspect/live');
  live.onopen = () => {
    void loadRows();
    void loadState();
  };
  live.onmessage = async (event) => {
    const { cleared, rows, removed, state: changed } = JSON.parse(event.data);
    if (cleared) {
      state.rows.clear();
      select(null);
    }
    for (const id of removed) state.rows.delete(id);
    for (const row of rows) state.rows.set(row.id, row);
    if (changed) void loadState();
    if (state.found !== null && rows.length > 0) await search();
    drawRows();
    if (rows.some((row) => row.id === state.selected)) void loadDetail();
  };
  live.onerror = () => {
    const chip = byId('session');
    chip.className = 'chip bad';
    chip.textContent = 'No contact with the agent';
  };
}

// Filter

/** @returns {{key: string, text: string, not: boolean}[]} */
function words(text) {
  return [...text.matchAll(/(-?)(?:([a-z]+):)?("[^"]*"|\S+)/gi)].map(([, minus, key, value]) => ({
    not: minus === '-',
    key: (key ?? 'path').toLowerCase(),
    text: value.replaceAll('"', ''),
  }));
}

function compare(value, text) {
  const match = /^([<>]=?)?([\d.]+)(k|kb|m|mb|s|ms)?$/i.exec(text);
  if (match === null || value === null) return false;
  const unit = { k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, s: 1e3, ms: 1 }[(match[3] ?? '').toLowerCase()] ?? 1;
  const limit = Number(match[2]) * unit;
  switch (match[1]) {
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    default:
      return value === limit;
  }
}

function hasStatus(status, text) {
  if (/^[1-5]xx$/i.test(text)) return status !== null && String(status)[0] === text[0];
  return compare(status, text);
}

function matches(row, word) {
  const has = (value) =>
    String(value ?? '')
      .toLowerCase()
      .includes(word.text.toLowerCase());
  switch (word.key) {
    case 'path':
      return has(row.path);
    case 'method':
      return has(row.method) || (row.kind !== 'http' && has(row.kind));
    case 'status':
      return hasStatus(row.status, word.text);
    case 'duration':
      return compare(row.durationMs, word.text);
    case 'size':
      return compare(row.size, word.text);
    case 'endpoint':
      return has(row.endpoint);
    case 'ip':
      return has(row.ip);
    case 'kind':
      return has(row.kind);
    case 'header':
    case 'body':
      return state.found?.has(`${word.key}:${word.text} ${row.id}`) ?? true;
    default:
      return has(`${row.path}`) || row.path.toLowerCase().includes(`${word.key}:${word.text}`.toLowerCase());
  }
}

/** Headers and bodies are with the agent; it is asked for each such word. */
async function search() {
  const asked = words(state.filter).filter(({ key, text }) => (key === 'header' || key === 'body') && text !== '');
  if (asked.length === 0) {
    state.found = null;
    return;
  }
  const found = new Set();
  for (const { key, text } of asked) {
    const { ids } = await ask(`/inspect/search?${new URLSearchParams({ [key]: text })}`);
    for (const id of ids) found.add(`${key}:${text} ${id}`);
  }
  state.found = found;
}

function shown() {
  const all = words(state.filter);
  return [...state.rows.values()].reverse().filter((row) => all.every((word) => matches(row, word) !== word.not));
}

// List

const methodOf = (row) => (row.kind === 'http' ? row.method : row.kind.toUpperCase());

function clock(text) {
  const at = new Date(text);
  const two = (n) => String(n).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

function took(row) {
  if (row.state === 'open') return 'open';
  if (row.state === 'cut') return 'cut';
  const ms = row.durationMs ?? 0;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function bytes(count) {
  if (count === 0) return '–';
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

const statusClass = (status) => (status === null ? '' : `s${String(status)[0]}`);

/** Control characters and marks that turn the writing direction, as signs that can be seen. */
function visible(text) {
  return text
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)))
    .replace(
      /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}

function drawRows() {
  const list = shown();
  const body = byId('rows');
  const table = byId('table');
  // New rows come on top only while the list is there: nothing jumps.
  const before = table.scrollTop > 4 ? table.scrollHeight - table.scrollTop : null;
  body.replaceChildren(...list.map(drawRow));
  if (before !== null) table.scrollTop = table.scrollHeight - before;
  const empty = byId('empty');
  empty.hidden = list.length > 0;
  empty.textContent =
    state.rows.size === 0
      ? 'No request yet. Open one of the public URLs: it appears here at once.'
      : `No request matches. ${state.rows.size} are kept.`;
  const kept = state.facts?.captures;
  const share =
    kept == null ? 'nothing is kept' : `${(kept.bytes / 1e6).toFixed(1)} of ${Math.round(kept.maxBytes / 1e6)} MB`;
  byId('count').textContent =
    list.length === state.rows.size
      ? `${list.length} ${list.length === 1 ? 'request' : 'requests'}, ${share}`
      : `${list.length} of ${state.rows.size} requests, ${share}`;
}

function drawRow(row) {
  const method = methodOf(row);
  const status =
    row.status === null
      ? ''
      : row.failure === null
        ? String(row.status)
        : `${row.status} ${/ECONNREFUSED/.test(row.failure) ? 'refused' : 'no way'}`;
  return el(
    'tr',
    { 'data-id': row.id, 'aria-selected': String(row.id === state.selected), onclick: () => select(row.id) },
    el('td', {}, clock(row.at)),
    el('td', {}, el('span', { class: `method ${method}` }, visible(method))),
    el('td', { title: visible(row.path) }, row.replayOf === null ? '' : '↻ ', visible(row.path)),
    el('td', { class: statusClass(row.status) }, status),
    el('td', { class: 'n' }, took(row)),
    el('td', { class: 'n' }, row.kind === 'http' ? bytes(row.size) : `${row.messages} msgs`),
  );
}

function select(id) {
  state.selected = id;
  state.detail = null;
  state.original = null;
  state.editing = null;
  for (const row of byId('rows').children) row.setAttribute('aria-selected', String(row.dataset.id === id));
  if (id === null) drawDetail();
  else void loadDetail();
}

async function loadDetail() {
  const id = state.selected;
  if (id === null) return;
  try {
    const detail = await ask(`/inspect/exchanges/${id}`);
    if (state.selected !== id) return;
    state.detail = detail;
  } catch (error) {
    if (state.selected === id) say(error.message);
    return;
  }
  if (state.editing === null) drawDetail();
}

// Bodies

const decode = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @returns {string | null} null when it is no text */
function textOf(bytesOf) {
  try {
    const text = utf8.decode(bytesOf);
    return /[\u0000-\u0008\u000e-\u001a]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

function drawBody(message, what) {
  const size =
    message.bodyBytes === 0
      ? 'empty'
      : `${kindOf(message.type)}, ${bytes(message.bodyBytes)}${message.encoding ? ` ${message.encoding}` : ''}`;
  const bar = el('div', { class: 'bar' }, el('h2', {}, what), el('span', { class: 'quiet' }, size));
  const box = el('div', {}, bar);
  if (message.bodyBytes === 0) return box;
  const raw = decode(message.body);
  const isImage = /^image\//.test(message.type);
  const isHtml = /^(text\/html|application\/xhtml)/.test(message.type);
  const text = textOf(raw);
  const view = isImage || text === null ? hexOf(raw) : pretty(text, message.type);
  if (isImage || isHtml) {
    bar.append(
      el(
        'button',
        { type: 'button', class: 'small', onclick: (event) => render(event.target, view, message, text) },
        'Render',
      ),
    );
  }
  box.append(view);
  if (message.isTruncated)
    box.append(el('p', { class: 'cut' }, `Cut off after ${bytes(message.keptBytes)} of ${bytes(message.bodyBytes)}.`));
  return box;
}

/** In a frame that may run nothing, load nothing, and is of no origin. */
function render(button, view, message, text) {
  const frame = el('iframe', { sandbox: '', title: 'Rendered body', referrerpolicy: 'no-referrer' });
  if (/^image\//.test(message.type)) {
    const type = /^image\/[\w.+-]+/.exec(message.type)?.[0] ?? 'image/png';
    frame.srcdoc = `<img alt="" src="data:${type};base64,${message.body.replace(/[^\w+/=]/g, '')}">`;
  } else frame.srcdoc = text ?? '';
  frame.srcdoc = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:">${frame.srcdoc}`;
  view.replaceWith(frame);
  button.remove();
}

function kindOf(type) {
  const name = type.split(';')[0].trim().toLowerCase();
  if (/[/+]json$/.test(name)) return 'JSON';
  if (/[/+]xml$/.test(name)) return 'XML';
  return name === 'application/x-www-form-urlencoded' ? 'form' : name || 'no type';
}

function pretty(text, type) {
  const kind = kindOf(type);
  if (kind === 'JSON') return prettyJson(text);
  if (kind === 'form') return pairs([...new URLSearchParams(text)]);
  if (kind === 'XML') return prettyXml(text);
  return el('pre', {}, visible(text));
}

function prettyJson(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Engines name the place in their own words; both forms give it.
    const at = /position (\d+)/.exec(error.message)?.[1];
    const place = at === undefined ? text.length : Number(at);
    return el(
      'div',
      {},
      el('p', { class: 'cut' }, `No valid JSON: ${error.message}`),
      el(
        'pre',
        {},
        visible(text.slice(0, place)),
        el('span', { class: 'x' }, visible(text.slice(place, place + 1)) || '␃'),
        visible(text.slice(place + 1)),
      ),
    );
  }
  const box = el('pre', {});
  const shownText = JSON.stringify(value, null, 2);
  let last = 0;
  for (const match of shownText.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|true|false|null/g)) {
    const cls = match[1] === undefined ? 'd' : match[2] === undefined ? 't' : 'k';
    const length = match[1]?.length ?? match[0].length;
    box.append(
      visible(shownText.slice(last, match.index)),
      el('span', { class: cls }, visible(shownText.slice(match.index, match.index + length))),
    );
    last = match.index + length;
  }
  box.append(visible(shownText.slice(last)));
  return box;
}

function prettyXml(text) {
  const problem = new DOMParser().parseFromString(text, 'application/xml').querySelector('parsererror');
  if (problem !== null) {
    const line = (problem.textContent ?? '').split('\n').find((each) => /line/i.test(each)) ?? 'it cannot be read';
    return el('div', {}, el('p', { class: 'cut' }, `No valid XML: ${visible(line)}`), el('pre', {}, visible(text)));
  }
  let depth = 0;
  const lines = text
    .replace(/>\s*</g, '>\n<')
    .split('\n')
    .map((line) => {
      if (/^<\//.test(line)) depth = Math.max(0, depth - 1);
      const indented = '  '.repeat(depth) + line;
      if (/^<[^!?/][^>]*[^/]>$/.test(line) || /^<[^!?/>]>$/.test(line)) depth += 1;
      return indented;
    });
  return el('pre', {}, visible(lines.join('\n')));
}

function hexOf(raw) {
  const lines = [];
  for (let at = 0; at < Math.min(raw.length, 65_536); at += 16) {
    const row = raw.subarray(at, at + 16);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = [...row].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  if (raw.length > 65_536) lines.push(`… ${raw.length - 65_536} more bytes`);
  return el('pre', { class: 'hex' }, lines.join('\n'));
}

function pairs(list) {
  return el(
    'table',
    { class: 'pairs' },
    el(
      'tbody',
      {},
      ...list.map(([name, value]) => el('tr', {}, el('td', {}, visible(name)), el('td', {}, visible(value)))),
    ),
  );
}

function fieldPairs(fields) {
  const list = [];
  for (let i = 0; i + 1 < fields.length; i += 2) list.push([fields[i], fields[i + 1]]);
  return list;
}

// Detail

function drawDetail() {
  const box = byId('detail');
  const { detail } = state;
  if (detail === null) {
    box.replaceChildren(el('div', { class: 'empty' }, state.rows.size === 0 ? '' : 'Choose a request on the left.'));
    return;
  }
  const cannot =
    detail.kind === 'ws'
      ? 'A WebSocket is not sent again'
      : detail.request.isTruncated
        ? 'Its body was too long to be kept whole'
        : null;
  const status = detail.failure === null ? (detail.status ?? '…') : 'no answer';
  box.replaceChildren(
    ...[
      el(
        'div',
        { class: 'head' },
        el('span', { class: `method mono ${methodOf(detail)}` }, visible(methodOf(detail))),
        el('span', { class: 'path' }, visible(detail.path)),
        el('span', { class: `chip mono ${statusClass(detail.status)}` }, String(status)),
        el(
          'span',
          { class: 'actions' },
          el(
            'button',
            { type: 'button', id: 'replay', disabled: cannot !== null, title: cannot, onclick: () => replay() },
            'Replay ',
            el('kbd', {}, 'R'),
          ),
          el(
            'button',
            {
              type: 'button',
              id: 'edit',
              disabled: detail.kind === 'ws',
              'aria-pressed': String(state.editing !== null),
              onclick: () => edit(),
            },
            'Edit ',
            el('kbd', {}, 'E'),
          ),
          el('button', { type: 'button', onclick: () => copyCurl() }, 'curl'),
        ),
      ),
      el('p', { class: 'facts' }, factsOf(detail)),
      drawTabs(detail),
      drawTab(detail),
      state.editing === null ? null : drawEditor(detail),
    ].filter((node) => node !== null),
  );
}

function factsOf(detail) {
  const endpoint = state.facts?.endpoints.find(({ name }) => name === detail.endpoint);
  const parts = [
    detail.replayOf === null ? detail.ip : 'sent again from here',
    detail.agent.slice(0, 120),
    detail.failure ?? `${took(detail)} in ${endpoint?.forwardsTo.replace(/^https?:\/\//, '') ?? detail.endpoint}`,
    detail.id,
  ];
  return visible(parts.filter((part) => part !== '').join('  ·  '));
}

function tabNames(detail) {
  return [
    'Summary',
    'Headers',
    'Raw',
    'Binary',
    ...(detail.kind === 'http' ? [] : ['Messages']),
    ...(detail.replayOf === null ? [] : ['Compare']),
  ];
}

function drawTabs(detail) {
  const names = tabNames(detail);
  if (!names.includes(state.tab)) state.tab = 'Summary';
  return el(
    'div',
    { class: 'tabs', role: 'tablist' },
    ...names.map((name) =>
      el(
        'button',
        {
          type: 'button',
          role: 'tab',
          'aria-selected': String(name === state.tab),
          onclick: () => {
            state.tab = name;
            drawDetail();
          },
        },
        name === 'Messages' ? `Messages ${detail.messages}` : name,
      ),
    ),
  );
}

function drawTab(detail) {
  const { request, response } = detail;
  const side = (draw) =>
    el(
      'div',
      { class: 'two', role: 'tabpanel' },
      draw(request, 'Request'),
      response === null ? noAnswer(detail) : draw(response, 'Response'),
    );
  switch (state.tab) {
    case 'Headers':
      return side((message, what) =>
        el(
          'div',
          {},
          el('div', { class: 'bar' }, el('h2', {}, what)),
          pairs(fieldPairs(message.fields)),
          message.trailers.length === 0
            ? null
            : el('div', {}, el('h2', {}, 'Trailers'), pairs(fieldPairs(message.trailers))),
        ),
      );
    case 'Raw':
      return side((message, what) =>
        el(
          'div',
          {},
          el('div', { class: 'bar' }, el('h2', {}, what)),
          el('pre', {}, visible(new TextDecoder().decode(decode(message.raw)).replaceAll('\r\n', '\n'))),
        ),
      );
    case 'Binary':
      return side((message, what) =>
        el('div', {}, el('div', { class: 'bar' }, el('h2', {}, what)), hexOf(decode(message.raw))),
      );
    case 'Messages':
      return drawMessages(detail);
    case 'Compare':
      return drawComparison(detail);
    default: {
      const query = detail.path.includes('?')
        ? [...new URLSearchParams(detail.path.slice(detail.path.indexOf('?')))]
        : [];
      return el(
        'div',
        {},
        query.length === 0 ? null : el('div', {}, el('div', { class: 'bar' }, el('h2', {}, 'Query')), pairs(query)),
        side(drawBody),
      );
    }
  }
}

function noAnswer(detail) {
  return el(
    'div',
    {},
    el('div', { class: 'bar' }, el('h2', {}, 'Response')),
    el('p', { class: detail.failure === null ? 'quiet' : 'cut' }, visible(detail.failure ?? 'None has come yet.')),
  );
}

function drawMessages(detail) {
  const list = detail.streamMessages;
  const skipped = detail.messages - list.length;
  return el(
    'div',
    { role: 'tabpanel' },
    skipped > 0 ? el('p', { class: 'quiet' }, `The last ${list.length} of ${detail.messages}.`) : null,
    el(
      'table',
      { class: 'pairs' },
      el(
        'tbody',
        {},
        ...list.map((message) => {
          const raw = decode(message.payload);
          const text = message.isCompressed || message.kind === 'binary' ? null : textOf(raw);
          const shownText =
            text ?? [...raw.subarray(0, 64)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
          const more =
            message.bytes > raw.length && message.kind !== 'event' ? ` … ${bytes(message.bytes)} in all` : '';
          return el(
            'tr',
            {},
            el(
              'td',
              {},
              `${message.from === 'visitor' ? '→' : '←'} ${clock(message.at)} ${message.kind}${message.isCompressed ? ', deflated' : ''} ${bytes(message.bytes)}`,
            ),
            el('td', {}, visible(shownText) + more),
          );
        }),
      ),
    ),
  );
}

// Two answers

/** Those that differ between any two answers and say nothing. */
const restlessFields = new Set(['date', 'age', 'x-request-id', 'etag', 'connection', 'keep-alive']);
const differencesMax = 500;

/** The answer beside that of the request which was sent again. */
function drawComparison(detail) {
  if (state.original === null) {
    const { id, replayOf } = detail;
    ask(`/inspect/exchanges/${replayOf}`)
      .catch(() => false)
      .then((original) => {
        if (state.selected !== id) return;
        state.original = original;
        if (state.tab === 'Compare' && state.editing === null) drawDetail();
      });
    return el('p', { class: 'quiet', role: 'tabpanel' }, 'Looking for the first answer.');
  }
  if (state.original === false)
    return el('p', { class: 'quiet', role: 'tabpanel' }, 'The first exchange is no longer kept.');
  const { differences, same } = compareAnswers(state.original, detail);
  const side = (text, tag) =>
    el('td', {}, text === null ? el('span', { class: 'quiet' }, '–') : el(tag, {}, visible(text)));
  return el(
    'div',
    { role: 'tabpanel' },
    el(
      'p',
      { class: 'quiet' },
      differences.length === 0
        ? `Both answers say the same; ${same} headers are equal.`
        : `${differences.length === differencesMax ? 'More than ' : ''}${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}; ${same} headers are equal.`,
    ),
    el(
      'table',
      { class: 'pairs differences' },
      el(
        'thead',
        {},
        el('tr', {}, el('th', {}, ''), el('th', {}, `First, ${clock(state.original.at)}`), el('th', {}, 'This one')),
      ),
      el(
        'tbody',
        {},
        ...differences.map(({ where, a, b }) =>
          el('tr', {}, el('td', {}, visible(where)), side(a, 'del'), side(b, 'ins')),
        ),
      ),
    ),
  );
}

/** Status, headers by name, the body by value when both are JSON, else by line. */
function compareAnswers(first, second) {
  const differences = [];
  const add = (where, a, b) => {
    if (a !== b && differences.length < differencesMax) differences.push({ where, a, b });
  };
  const statusOf = ({ status, failure, response }) =>
    failure ?? (status === null ? null : `${status} ${response?.reason ?? ''}`.trim());
  add('status', statusOf(first), statusOf(second));
  const [left, right] = [first, second].map(({ response }) => namedFields(response?.fields ?? []));
  let same = 0;
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    if (restlessFields.has(name)) continue;
    if (left.get(name) === right.get(name)) same += 1;
    add(name, left.get(name) ?? null, right.get(name) ?? null);
  }
  const [one, other] = [first, second].map(({ response }) => bodyToCompare(response));
  if (one.json !== undefined && other.json !== undefined) compareJson('body', one.json, other.json, add);
  else {
    const [a, b] = [one.text.split('\n'), other.text.split('\n')];
    for (let at = 0; at < Math.max(a.length, b.length); at += 1) add(`line ${at + 1}`, a[at] ?? null, b[at] ?? null);
  }
  return { differences, same };
}

function namedFields(fields) {
  const named = new Map();
  for (const [name, value] of fieldPairs(fields)) {
    const lower = name.toLowerCase();
    named.set(lower, named.has(lower) ? `${named.get(lower)}, ${value}` : value);
  }
  return named;
}

function bodyToCompare(response) {
  if (response === null) return { text: '', json: undefined };
  const raw = decode(response.body);
  const text =
    textOf(raw) ??
    `${bytes(raw.length)}: ${[...raw.subarray(0, 64)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}`;
  if (response.isTruncated) return { text, json: undefined };
  try {
    return { text, json: JSON.parse(text) };
  } catch {
    return { text, json: undefined };
  }
}

function compareJson(path, a, b, add) {
  const isTree = (value) => typeof value === 'object' && value !== null;
  if (!isTree(a) || !isTree(b) || Array.isArray(a) !== Array.isArray(b)) {
    add(path, JSON.stringify(a), JSON.stringify(b));
    return;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const deeper = Array.isArray(a) ? `${path}[${key}]` : `${path}.${key}`;
    if (!Object.hasOwn(a, key)) add(deeper, null, JSON.stringify(b[key]));
    else if (!Object.hasOwn(b, key)) add(deeper, JSON.stringify(a[key]), null);
    else compareJson(deeper, a[key], b[key], add);
  }
}

// Replay

async function replay(changes = {}) {
  const { detail } = state;
  if (detail === null) return;
  try {
    const { id } = await send('/inspect/replay', { id: detail.id, ...changes });
    say('Sent again, straight to the upstream.');
    if (state.editing === null) select(id);
    else followAnswer(id);
  } catch (error) {
    say(error.message);
  }
}

/** Shows what came of a replay without leaving the form. */
async function followAnswer(id) {
  for (let tries = 0; tries < 50; tries += 1) {
    const answer = await ask(`/inspect/exchanges/${id}`).catch(() => null);
    const line = document.getElementById('last-answer');
    if (answer === null || line === null) return;
    if (answer.state !== 'open') {
      line.replaceChildren(
        'Last answer ',
        el('b', { class: `mono ${statusClass(answer.status)}` }, String(answer.failure ?? answer.status)),
        ` in ${took(answer)}  `,
        el('button', { type: 'button', class: 'link', onclick: () => select(id) }, el('span', { class: 'k' }, 'Show')),
      );
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const skippedFields = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect']);

function edit() {
  const { detail } = state;
  if (detail === null || detail.kind === 'ws') return;
  if (state.editing !== null) {
    state.editing = null;
    drawDetail();
    return;
  }
  const text = textOf(decode(detail.request.body));
  state.editing = {
    method: detail.request.method,
    target: detail.request.target,
    fields: fieldPairs(detail.request.fields)
      .filter(([name]) => !skippedFields.has(name.toLowerCase()))
      .map(([name, value]) => ({ name, value, was: [name, value], removed: false })),
    trailers: fieldPairs(detail.request.trailers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    // A compressed or binary body stays as it is.
    body: detail.request.encoding === null && !detail.request.isTruncated ? text : null,
  };
  drawDetail();
  document.querySelector('.lintel')?.scrollIntoView({ block: 'nearest' });
}

function drawEditor(detail) {
  const form = state.editing;
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
  if (!methods.includes(form.method)) methods.push(form.method);
  const target = state.facts?.endpoints.find(({ name }) => name === detail.endpoint)?.forwardsTo ?? 'the upstream';
  const fieldsBox = el('div', { class: 'fields' });
  const markOf = (field) => {
    if (field.was === null) return '+';
    if (field.removed) return '-';
    return field.was[0] === field.name && field.was[1] === field.value ? '' : '~';
  };
  const rowClass = { '+': 'row added', '-': 'row removed', '~': 'row changed', '': 'row' };
  const drawField = (field) => {
    const mark = el('span', { class: 'mono' }, markOf(field));
    const row = el('div', { class: rowClass[markOf(field)] });
    // Drawn anew it would lose the cursor.
    const input = (key, label) =>
      el('input', {
        'aria-label': label,
        value: field[key],
        oninput: (event) => {
          field[key] = event.target.value;
          mark.textContent = markOf(field);
          row.className = rowClass[markOf(field)];
        },
      });
    row.append(
      mark,
      input('name', 'Header name'),
      input('value', `Value of ${field.name}`),
      el(
        'button',
        {
          type: 'button',
          'aria-label': field.removed ? `Bring back ${field.name}` : `Remove ${field.name}`,
          onclick: () => {
            if (field.was === null) form.fields.splice(form.fields.indexOf(field), 1);
            else field.removed = !field.removed;
            drawFields();
          },
        },
        field.removed ? '↩' : '×',
      ),
    );
    return row;
  };
  const drawFields = () => fieldsBox.replaceChildren(...form.fields.map(drawField));
  drawFields();
  const sendNow = () => {
    const fields = form.fields
      .filter(({ removed, name }) => !removed && name !== '')
      .flatMap(({ name, value }) => [name, value]);
    const trailers = form.trailers
      .split('\n')
      .filter((line) => line.includes(':'))
      .flatMap((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]);
    const body = form.body === null ? {} : { body: base64Of(form.body) };
    void replay({ method: form.method, target: form.target, fields, trailers, ...body });
  };
  return el(
    'form',
    {
      class: 'lintel',
      onsubmit: (event) => {
        event.preventDefault();
        sendNow();
      },
      onkeydown: (event) => {
        if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) sendNow();
      },
    },
    el(
      'div',
      { class: 'bar' },
      el('h2', {}, 'Replay with changes'),
      el('span', { class: 'quiet' }, `goes straight to ${target}, past the edge and its policy`),
    ),
    el(
      'div',
      { class: 'line' },
      el(
        'select',
        {
          'aria-label': 'Method',
          onchange: (event) => {
            form.method = event.target.value;
          },
        },
        ...methods.map((method) => el('option', { selected: method === form.method }, method)),
      ),
      el('input', {
        'aria-label': 'Path',
        value: form.target,
        oninput: (event) => {
          form.target = event.target.value;
        },
      }),
    ),
    el(
      'div',
      { class: 'two' },
      el(
        'div',
        {},
        el('p', { class: 'quiet' }, 'Headers'),
        fieldsBox,
        el(
          'p',
          {},
          el(
            'button',
            {
              type: 'button',
              class: 'link',
              onclick: () => {
                form.fields.push({ name: '', value: '', was: null, removed: false });
                drawFields();
              },
            },
            el('span', { class: 'k' }, '+ Add a header'),
          ),
        ),
        el('p', { class: 'quiet' }, 'Trailers, one a line'),
        el('textarea', {
          'aria-label': 'Trailers',
          rows: 2,
          value: form.trailers,
          oninput: (event) => {
            form.trailers = event.target.value;
          },
        }),
      ),
      el(
        'div',
        {},
        el(
          'p',
          { class: 'quiet' },
          form.body === null ? 'The body is sent as it was: it is no plain text' : 'Body, length is set for you',
        ),
        form.body === null
          ? null
          : el('textarea', {
              'aria-label': 'Body',
              value: form.body,
              oninput: (event) => {
                form.body = event.target.value;
              },
            }),
      ),
    ),
    el(
      'div',
      { class: 'line' },
      el('button', { class: 'primary' }, 'Send'),
      el(
        'button',
        {
          type: 'button',
          onclick: () => {
            state.editing = null;
            edit();
          },
        },
        'Back to original',
      ),
      el('span', { id: 'last-answer', role: 'status' }),
    ),
  );
}

function base64Of(text) {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function copyCurl() {
  const { detail } = state;
  if (detail === null) return;
  const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const fields = fieldPairs(detail.request.fields);
  const host = fields.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? 'localhost';
  const scheme = fields.find(([name]) => name.toLowerCase() === 'x-forwarded-proto')?.[1] ?? 'https';
  const kept = fields.filter(
    ([name]) => !skippedFields.has(name.toLowerCase()) && !/^(host|x-forwarded-.*)$/i.test(name),
  );
  const body = textOf(decode(detail.request.body));
  const parts = [
    `curl -X ${quote(detail.request.method)} ${quote(`${scheme}://${host}${detail.request.target}`)}`,
    ...kept.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...(body === null || body === '' ? [] : [`--data-raw ${quote(body)}`]),
  ];
  copy(parts.join(' \\\n  '), 'Copied as curl.');
}

function copy(text, done) {
  navigator.clipboard.writeText(text).then(
    () => say(done),
    () => say('The browser does not let this page copy.'),
  );
}

let sayTimer;
function say(text) {
  byId('said').textContent = visible(text);
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => {
    byId('said').textContent = '';
  }, 4000);
}

// Facts

function drawFacts() {
  const { facts } = state;
  if (facts === null) return;
  byId('host').textContent = `on ${facts.host}`;
  const chip = byId('session');
  const isOnline = facts.status === 'online';
  chip.className = `chip ${isOnline ? 'good' : facts.status === 'stopped' ? 'bad' : 'wait'}`;
  const latency =
    facts.latencyMs === null ? '' : `, ${Math.round(facts.latencyMs)} ms to ${facts.region ?? facts.connectUrl}`;
  chip.textContent = isOnline ? `Online${latency}` : (facts.reason ?? facts.status).split('\n')[0];
  const [first, ...more] = facts.endpoints.filter(({ url }) => url !== '');
  byId('endpoints').textContent =
    first === undefined
      ? ''
      : `${first.url.replace(/^https:\/\//, '')} → ${first.forwardsTo.replace(/^https?:\/\//, '')}${more.length === 0 ? '' : ` and ${more.length} more`}`;
  byId('copy-url').hidden = first === undefined;
  byId('findings').replaceChildren(...facts.findings.map(drawFinding), ...refusedNotes());
  if (!byId('status').hidden) drawStatus();
}

function drawFinding({ summary, fix, times, at }) {
  return el(
    'div',
    { class: 'note' },
    el('b', {}, visible(summary)),
    el('code', {}, visible(fix)),
    el('div', { class: 'quiet' }, `${times === 1 ? 'Once' : `${times} times`}, last at ${clock(at).slice(0, 8)}`),
  );
}

/** Requests that found nobody, said in one sentence for each upstream. */
function refusedNotes() {
  const failed = [...state.rows.values()].filter((row) => row.failure !== null && /ECONNREFUSED/.test(row.failure));
  const last = failed.at(-1);
  if (last === undefined) return [];
  const target =
    state.facts.endpoints.find(({ name }) => name === last.endpoint)?.forwardsTo.replace(/^https?:\/\//, '') ??
    last.endpoint;
  const answered = [...state.rows.values()].find(
    (row) => row.endpoint === last.endpoint && row.seq > last.seq && row.failure === null && row.status !== null,
  );
  const visitors = failed.length === 1 ? '1 visitor' : `${failed.length} visitors`;
  return [
    el(
      'div',
      { class: 'note' },
      el('b', {}, `${visitors} found ${visible(target)} closed, last at ${clock(last.at).slice(0, 8)}`),
      answered === undefined
        ? 'Is the app running, on this port?'
        : `It has answered since ${clock(answered.at).slice(0, 8)}.`,
    ),
  ];
}

function drawStatus() {
  const { facts } = state;
  const rate = (value) => value.toFixed(2);
  const time = (ns) => `${Math.round(ns / 1e6)} ms`;
  const figure = (name, value) => el('div', {}, el('b', {}, value), el('span', {}, name));
  const kept = facts.captures;
  byId('status').replaceChildren(
    el(
      'div',
      { class: 'figures' },
      figure('connections', String(facts.figures.total)),
      figure('open', String(facts.figures.open)),
      figure('a second, 1 min', rate(facts.figures.rate1)),
      figure('p50', `${Math.round(facts.figures.p50Ms ?? 0)} ms`),
      figure('p90', `${Math.round(facts.figures.p90Ms ?? 0)} ms`),
      figure('in / out', `${bytes(facts.figures.bytesIn)} / ${bytes(facts.figures.bytesOut)}`),
    ),
    ...facts.endpoints.flatMap((endpoint) => [
      el('h2', {}, visible(endpoint.name)),
      pairs([
        ['URL', endpoint.url || 'not online'],
        ['upstream', endpoint.forwardsTo],
        ['upstream protocol', endpoint.upstream.protocol || 'tcp'],
        [
          'inspected',
          endpoint.upstream.protocol === 'http2'
            ? 'no, HTTP/2 to the upstream is not read'
            : endpoint.inspect
              ? 'yes'
              : 'no',
        ],
        ['pooling', endpoint.pooling_enabled ? 'yes' : 'no'],
        ['traffic policy', endpoint.traffic_policy || 'none'],
        [
          'connections',
          `${endpoint.metrics.conns.count}, ${endpoint.metrics.conns.gauge} open; a second: ${rate(endpoint.metrics.conns.rate1)} / ${rate(endpoint.metrics.conns.rate5)} / ${rate(endpoint.metrics.conns.rate15)}`,
        ],
        [
          'connection times',
          `p50 ${time(endpoint.metrics.conns.p50)}, p90 ${time(endpoint.metrics.conns.p90)}, p95 ${time(endpoint.metrics.conns.p95)}, p99 ${time(endpoint.metrics.conns.p99)}`,
        ],
        [
          'requests',
          `${endpoint.metrics.http.count}; a second: ${rate(endpoint.metrics.http.rate1)} / ${rate(endpoint.metrics.http.rate5)} / ${rate(endpoint.metrics.http.rate15)}`,
        ],
        [
          'request times',
          `p50 ${time(endpoint.metrics.http.p50)}, p90 ${time(endpoint.metrics.http.p90)}, p95 ${time(endpoint.metrics.http.p95)}, p99 ${time(endpoint.metrics.http.p99)}`,
        ],
      ]),
    ]),
    el('h2', {}, 'Agent'),
    pairs([
      ['session', facts.status],
      ['account', facts.account === null ? '–' : `${facts.account}${facts.plan === null ? '' : ` (${facts.plan})`}`],
      ['server', `${facts.connectUrl}${facts.region === null ? '' : `, ${facts.region}`}`],
      ['version', facts.version],
      ['configuration', facts.configPaths.join(', ') || 'none'],
      ['web_addr', facts.webAddr],
      ['web_allow_hosts', facts.webAllowHosts.join(', ') || 'this machine only'],
      [
        'kept exchanges',
        kept === null
          ? 'none'
          : `${bytes(kept.bytes)} of ${bytes(kept.maxBytes)}, ${bytes(kept.bodyBytesMax)} of each body`,
      ],
      ['passed over', kept === null ? '–' : `${kept.passedOver}, because too many came at once`],
    ]),
  );
}

// Keys and start

function move(step) {
  const list = shown();
  const at = list.findIndex(({ id }) => id === state.selected);
  const next = list[at === -1 ? 0 : Math.max(0, Math.min(list.length - 1, at + step))];
  if (next === undefined) return;
  select(next.id);
  document.querySelector(`#rows tr[data-id="${next.id}"]`)?.scrollIntoView({ block: 'nearest' });
}

document.addEventListener('keydown', (event) => {
  const isTyping =
    event.target instanceof HTMLInputElement ||
    event.target instanceof HTMLTextAreaElement ||
    event.target instanceof HTMLSelectElement;
  if (event.key === 'Escape') {
    if (isTyping) event.target.blur();
    else if (state.editing !== null) edit();
    else select(null);
    return;
  }
  if (isTyping || event.metaKey || event.ctrlKey || event.altKey || byId('keys').open) return;
  const tab = state.detail === null ? undefined : tabNames(state.detail)[Number(event.key) - 1];
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    r: () => replay(),
    e: edit,
    c: copyCurl,
    '?': () => byId('keys').showModal(),
    '/': () => byId('filter').focus(),
  };
  const action = actions[event.key];
  if (action !== undefined) action();
  else if (tab !== undefined) {
    state.tab = tab;
    drawDetail();
  } else return;
  event.preventDefault();
});

let filterTimer;
byId('filter').addEventListener('input', (event) => {
  state.filter = event.target.value;
  history.replaceState(null, '', state.filter === '' ? location.pathname : `?q=${encodeURIComponent(state.filter)}`);
  clearTimeout(filterTimer);
  filterTimer = setTimeout(async () => {
    await search();
    drawRows();
  }, 120);
});
byId('clear').addEventListener('click', async () => {
  await ask('/api/requests/http', { method: 'DELETE' });
});
byId('har').addEventListener('click', () => {
  const list = shown();
  const query =
    list.length === state.rows.size || list.length > 200
      ? ''
      : `?${new URLSearchParams(list.map(({ id }) => ['id', id]))}`;
  location.assign(`/inspect/har${query}`);
});
byId('copy-url').addEventListener('click', () => {
  const url = state.facts?.endpoints.find((endpoint) => endpoint.url !== '')?.url;
  if (url !== undefined) copy(url, `Copied ${url}`);
});
byId('keys-open').addEventListener('click', () => byId('keys').showModal());

const isStatus = location.pathname === '/status';
byId('requests').hidden = isStatus;
byId('status').hidden = !isStatus;
byId(isStatus ? 'tab-status' : 'tab-requests').setAttribute('aria-current', 'page');
state.filter = new URLSearchParams(location.search).get('q') ?? '';
byId('filter').value = state.filter;
drawDetail();
openLive();
// Rates fade without an event.
if (isStatus) setInterval(loadState, 2000);
