/** The 16 ANSI colours by what they mean; meaning never rests on them alone. */
export type Style =
  | 'plain'
  | 'strong'
  | 'quiet'
  | 'good'
  | 'wait'
  | 'bad'
  | 'link'
  | 'strong-link'
  | 'strong-wait'
  | 'strong-bad'
  | 'strong-good';

const codes: Record<Style, string> = {
  plain: '',
  strong: '1',
  quiet: '90',
  good: '32',
  wait: '33',
  bad: '31',
  link: '36',
  'strong-link': '1;34',
  'strong-wait': '1;33',
  'strong-bad': '1;31',
  'strong-good': '1;32',
};

export type Paint = (style: Style, text: string) => string;

/** Without colours everything is plain text, as NO_COLOR asks. */
export function makePaint(hasColours: boolean): Paint {
  if (!hasColours) return (_style, text) => text;
  return (style, text) => (style === 'plain' || text === '' ? text : `\u001b[${codes[style]}m${text}\u001b[0m`);
}

/** The lines of the path, and what stands for them where only ASCII is shown. */
export interface Glyphs {
  readonly lintel: string;
  readonly dashed: string;
  readonly column: string;
  readonly hollow: string;
  readonly cross: string;
  readonly rule: string;
  readonly ellipsis: string;
  readonly dot: string;
  /** Two columns wide, before the row that the keys act on. */
  readonly pointer: string;
}

export const unicodeGlyphs: Glyphs = {
  lintel: '━',
  dashed: '╌',
  column: '┃',
  hollow: '╎',
  cross: '✕',
  rule: '─',
  ellipsis: '…',
  dot: '·',
  pointer: ' ›',
};

export const asciiGlyphs: Glyphs = {
  lintel: '=',
  dashed: '-',
  column: '|',
  hollow: ':',
  cross: 'x',
  rule: '-',
  ellipsis: '~',
  dot: '-',
  pointer: ' >',
};
