import { createHash } from 'node:crypto';

/** Text in which some words are set apart. */
export type Rich = readonly (string | { readonly code: string } | { readonly strong: string })[];

/** Where the path from the visitor to the app is broken: between two of its four columns, or at one. */
export type Break = 'edge' | 'edge-agent' | 'agent-app' | 'app';

export interface ErrorPage {
  readonly host: string;
  readonly status: number;
  readonly reason: string;
  /** `ERR_NGROK_8012` */
  readonly code: string;
  readonly requestId: string;
  readonly at: Date;
  readonly breaksAt: Break;
  /** One or two words at the break: `refused`. */
  readonly fault: string;
  /** The second lines of the four columns; null where there is nothing to say. */
  readonly you: string | null;
  readonly edge: string | null;
  readonly agent: string | null;
  readonly app: string | null;
  /** How the visitor came: `TLS 1.3`. */
  readonly transport: string | null;
  readonly title: string;
  readonly sentence: Rich;
  readonly visiting: string;
  readonly steps: readonly { readonly text: string; readonly command: string | null }[];
  readonly links: readonly { readonly text: string; readonly href: string }[];
}

/**
 * The page that a browser shows when the edge answers in the app's place: one HTML text of at most 12 kB with inline
 * style and drawings, no script and no request to anywhere. Everything that came from outside is escaped.
 */
export function renderErrorPage(page: ErrorPage): string {
  const { host, status, reason } = page;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${escaped(page.title)} · ${escaped(host)}</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
</head>
<body>
<header><p class="host">${MARK}<span>${escaped(host)}</span></p><p class="mono">${status} ${escaped(reason)}</p></header>
<main>
${renderPath(page)}
<h1>${escaped(page.title)}</h1>
<p class="lead">${rich(page.sentence)}</p>
<div class="ways">
<section><h2>If you are visiting</h2><p>${escaped(page.visiting)}</p><a class="button" href="">Try again</a></section>
${renderOwner(page)}
</div>
</main>
<footer><p class="mono"><span>${escaped(page.code)}</span> <span>${escaped(page.requestId)}</span> <span>${utc(page.at)}</span></p><p>${page.links.map(({ text, href }) => `<a href="${escaped(href)}">${escaped(text)}</a>`).join(' ')}</p></footer>
</body>
</html>
`;
}

function renderOwner({ steps }: ErrorPage): string {
  if (steps.length === 0) return '';
  const items = steps.map(({ text, command }) => {
    const code = command === null ? '' : `<pre tabindex="0">${escaped(command)}</pre>`;
    return `<p>${escaped(text)}</p>${code}`;
  });
  return `<section><h2>If this address is yours</h2>${items.join('')}</section>`;
}

type Column = 'fine' | 'broken' | 'beyond';

/** Four columns under one lintel, which breaks where the request did. */
function renderPath({ breaksAt, fault, you, edge, agent, app, transport }: ErrorPage): string {
  // Spans are 0 to 2, columns 0 to 3. Between two parties the lintel breaks; at a party its column does.
  const cutSpan = breaksAt === 'edge-agent' ? 1 : breaksAt === 'agent-app' ? 2 : -1;
  const faultSpan = breaksAt === 'edge' ? 0 : breaksAt === 'edge-agent' ? 1 : 2;
  const brokenColumn = breaksAt === 'edge' ? 1 : breaksAt === 'edge-agent' ? -1 : 3;
  const reached = breaksAt === 'edge' ? 1 : faultSpan;
  const column = (at: number): Column => (at === brokenColumn ? 'broken' : at > reached ? 'beyond' : 'fine');
  const label = `${fault}: the request came as far as ${['you', 'the edge', 'the agent', 'the app'][breaksAt === 'app' ? 3 : reached]}`;
  const names = ['You', 'Edge', 'Agent', 'App'];
  const details = [you, edge, agent, app];
  let cells = '';
  for (let at = 0; at < 4; at += 1) {
    const kind = column(at);
    cells += `<li class="${kind}"><i class="stub"></i>${kind === 'broken' ? BROKEN_COLUMN : '<i class="column"></i>'}<b>${names[at]}</b><small>${escaped(details[at] ?? '')}</small></li>`;
    if (at === 3) break;
    const kindOfSpan = at === cutSpan ? ' cut' : at >= reached && breaksAt !== 'app' ? ' beyond' : '';
    const text = at === faultSpan ? fault : at === 0 ? (transport ?? '') : '';
    const classes = `span${kindOfSpan}${at === faultSpan ? ' fault' : ''}`;
    cells += `<li class="${classes}">${at === cutSpan ? CROSS : ''}<em>${escaped(text)}</em></li>`;
  }
  return `<ol class="path" role="img" aria-label="${escaped(label)}">${cells}</ol>`;
}

function rich(parts: Rich): string {
  return parts
    .map((part) => {
      if (typeof part === 'string') return escaped(part);
      return 'code' in part ? `<code>${escaped(part.code)}</code>` : `<strong>${escaped(part.strong)}</strong>`;
    })
    .join('');
}

/** Also for attributes in double quotes. Control and bidirectional characters, which could rearrange the text, are shown as such. */
function escaped(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** `2026-11-20 19:06:39 UTC` */
function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

const MARK =
  '<svg width="20" height="20" viewBox="0 0 16 16" aria-hidden="true" fill="currentColor"><path d="M0 1h16v2H0zM1 5h2v10H1zM5 5h2v10H5zM13 5h2v10h-2z"/><path class="lit" d="M9 5h2v10H9z"/></svg>';
const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Cpath fill=%22%23888781%22 d=%22M0 1h16v2H0zM1 5h2v10H1zM5 5h2v10H5zM13 5h2v10h-2z%22/%3E%3Cpath fill=%22%230ea691%22 d=%22M9 5h2v10H9z%22/%3E%3C/svg%3E';
const CROSS =
  '<svg class="cross" width="22" height="22" viewBox="0 0 22 22" aria-hidden="true"><path d="M2 2l18 18M20 2L2 20" stroke="currentColor" stroke-width="3.5" stroke-linecap="round"/></svg>';
/** In two pieces, the upper one tilted. */
const BROKEN_COLUMN =
  '<svg class="column" width="24" height="122" viewBox="0 0 24 122" aria-hidden="true" fill="currentColor"><path d="M11 1l15 4-9 46-14-11zM4 71l16 10v41H4z"/></svg>';

/** The tokens of the design, by their roles. */
const STYLE = [
  ':root{--bg:#fff;--sunken:#fafaf8;--line:#e2e1dc;--line2:#cfcdc6;--ink:#17181a;--ink2:#4e5054;--ink3:#696b70;--link:#2350c4;--s2:#0ea691;--s5:#a5301c;--bad:#b92d1b;--control:#8a8881}',
  '@media(prefers-color-scheme:dark){:root{--bg:#131416;--sunken:#0f1011;--line:#26282c;--line2:#383a3f;--ink:#ededea;--ink2:#abadb2;--ink3:#8b8d93;--link:#8ba8ff;--s2:#38b39d;--s5:#d9432a;--bad:#ff8370;--control:#6c6e74}}',
  '*{box-sizing:border-box;margin:0;padding:0}',
  'body{max-width:848px;margin:0 auto;padding:40px 24px 48px;background:var(--bg);color:var(--ink);font:400 14px/22px Inter,system-ui,sans-serif;overflow-wrap:anywhere}',
  'header,footer{display:flex;justify-content:space-between;gap:8px 24px;flex-wrap:wrap}',
  '.host{display:flex;gap:10px;align-items:center;font-size:13px;color:var(--ink2)}.host svg{flex:none;color:var(--ink)}.lit{fill:var(--s2)}',
  '.mono,code,pre,em{font-family:ui-monospace,Menlo,Consolas,monospace;font-variant-ligatures:none}',
  '.mono{font-size:11.5px;color:var(--ink3)}footer p{display:flex;flex-wrap:wrap;gap:0 14px}',
  // The path: columns of 24 px (bar of 16), spans between them; the lintel is each cell's upper edge.
  '.path{display:grid;grid-template-columns:24px 1fr 24px 1fr 24px 1fr 24px;list-style:none;margin:56px 0 52px}',
  '.path li{position:relative;padding-top:11px;white-space:nowrap;display:flex;flex-direction:column;align-items:center}',
  '.stub,.span::before{content:"";position:absolute;top:0;left:0;right:0;height:7px;background:var(--ink)}',
  '.column{display:block;width:16px;height:122px;background:var(--s2)}.path li:first-child .column{background:var(--ink)}',
  'svg.column{width:24px;background:none;color:var(--s5);overflow:visible}',
  '.path li.beyond .column{background:none;border:1px dashed var(--control)}',
  '.beyond .stub{background:var(--line2)}',
  '.span.cut::before{background:linear-gradient(90deg,var(--ink) calc(50% - 20px),var(--bg) 0 calc(50% + 20px),transparent 0),repeating-linear-gradient(90deg,var(--bg) 0 6px,var(--line2) 6px 15px)}',
  '.span.beyond::before{background:repeating-linear-gradient(90deg,var(--bg) 0 6px,var(--line2) 6px 15px)}',
  '.cross{position:absolute;top:-8px;left:calc(50% - 11px);color:var(--s5)}',
  'em{font-style:normal;font-size:12.5px;line-height:20px;margin-top:11px;color:var(--ink2)}.fault em{color:var(--bad);font-weight:600}',
  '.path b{font-size:15px;font-weight:620;line-height:20px;margin-top:9px}.path small{font-size:13px;line-height:20px;margin-top:2px;color:var(--ink2)}',
  '.path li:first-child{align-items:flex-start}.path li:first-child .column{margin-left:4px}',
  '.path li:last-child{align-items:flex-end}.path li:last-child i.column{margin-right:4px}',
  '.broken b{color:var(--bad)}.beyond b{color:var(--ink3)}',
  'h1{font-size:32px;line-height:40px;font-weight:640;letter-spacing:-.024em}',
  '.lead{margin-top:12px;max-width:680px;font-size:16px;line-height:27px;color:var(--ink2)}.lead code{font-size:14.5px;color:var(--ink)}.lead strong{font-weight:620;color:var(--ink)}',
  '.ways{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr);margin-top:36px;border-top:2px solid var(--ink)}',
  'section{padding:16px 32px 0 0}section+section{padding:16px 0 0 32px;border-left:1px solid var(--line)}',
  'h2{font-size:14px;line-height:22px;font-weight:620;margin-bottom:5px}section p{color:var(--ink2)}',
  'pre{margin:5px 0 10px;padding:8px 10px;font-size:12.5px;line-height:18px;background:var(--sunken);border:1px solid var(--line);border-radius:6px;overflow-x:auto;white-space:pre}',
  '.button{display:inline-block;margin-top:16px;padding:6px 14px;border:1px solid var(--line2);border-radius:6px;font-size:13px;line-height:20px;font-weight:550;color:var(--ink);text-decoration:none}',
  'footer{margin-top:32px;padding-top:14px;border-top:1px solid var(--line)}footer a{font-size:12.5px;color:var(--link);text-decoration:none}a:hover{text-decoration:underline}',
  ':focus-visible{outline:2px solid var(--link);outline-offset:1px}',
  '@media(max-width:639px){body{padding:24px 20px 32px}.path{margin:40px 0 36px}.path small,.span:not(.fault) em{display:none}h1{font-size:26px;line-height:32px}.ways{grid-template-columns:minmax(0,1fr)}section{padding-right:0}section+section{padding-left:0;margin-top:24px;border-left:0;border-top:1px solid var(--line)}.button{padding:11px 18px}footer a{line-height:44px}}',
  // The columns are backgrounds, which forced colours remove.
  '@media(forced-colors:active){.stub,.span::before,.column{forced-color-adjust:none}}',
].join('');

/** For the Content-Security-Policy: this one style and no other. */
export const STYLE_HASH = `sha256-${createHash('sha256').update(STYLE).digest('base64')}`;
