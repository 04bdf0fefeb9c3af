import type { Capture, CapturedMessage, Exchange } from '@portico/agent';
import { safeText } from '../safe-text.ts';

const fieldsShown = 12;
const bodyLinesShown = 10;
const bodyCharsShown = 2000;

/** One exchange in lines, heads first and the begin of each body. */
export function detailLines(exchange: Exchange, capture: Capture | null): string[] {
  const lines = ['', `${safeText(exchange.method)} ${safeText(exchange.path)}`];
  if (capture === null) return [...lines, 'This exchange is not kept: only its line is known.'];
  lines.push(...messageLines(capture.request), '');
  const { response } = capture;
  if (response === null) lines.push(capture.failure === null ? 'No answer yet.' : safeText(capture.failure));
  else lines.push(`${response.status} ${safeText(response.reason)}`, ...messageLines(response));
  return lines;
}

function messageLines(message: CapturedMessage): string[] {
  const { fields, body, bodyBytes } = message;
  const lines: string[] = [];
  for (let i = 0; i + 1 < fields.length && lines.length < fieldsShown; i += 2) {
    lines.push(`  ${safeText(fields[i] ?? '')}: ${safeText(fields[i + 1] ?? '')}`);
  }
  const left = fields.length / 2 - lines.length;
  if (left > 0) lines.push(`  and ${left} more`);
  if (bodyBytes === 0) return lines;
  const text = body.subarray(0, bodyCharsShown).toString('utf8');
  if (text.includes('\u0000') || text.includes('\ufffd')) return [...lines, `  ${bodyBytes} bytes, not text`];
  const rows = text.split(/\r?\n/).slice(0, bodyLinesShown);
  return [...lines, ...rows.map((row) => `  ${safeText(row)}`)];
}
