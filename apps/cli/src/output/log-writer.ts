import { safeText } from './safe-text.ts';

export type LogFormat = 'term' | 'logfmt' | 'json';
export const logFormats: readonly LogFormat[] = ['term', 'logfmt', 'json'];
export type LogLevelName = 'debug' | 'info' | 'warn' | 'error' | 'crit';
export const logLevels: readonly LogLevelName[] = ['debug', 'info', 'warn', 'error', 'crit'];

export type LogValue = string | number | boolean | null;
export type LogFields = Readonly<Record<string, LogValue>>;

/** One line of the agent's log, without its line end. Keys and their order are those that scripts grep for. */
export function formatLogLine(
  format: LogFormat,
  at: Date,
  level: LogLevelName,
  message: string,
  fields: LogFields,
): string {
  switch (format) {
    case 'json':
      return JSON.stringify({ lvl: shortLevel[level], msg: message, ...fields, t: at.toISOString() });
    case 'logfmt':
      return `t=${logTime(at)} lvl=${shortLevel[level]} msg=${logfmtValue(message)}${pairs(fields)}`;
    case 'term':
      return `${shortLevel[level].toUpperCase()}[${logTime(at).slice(5, 19)}] ${safeText(message)}${pairs(fields)}`;
  }
}

// ngrok's log library writes four letters, and scripts look for them.
const shortLevel: Record<LogLevelName, string> = {
  debug: 'dbug',
  info: 'info',
  warn: 'warn',
  error: 'eror',
  crit: 'crit',
};

function pairs(fields: LogFields): string {
  return Object.entries(fields)
    .map(([key, value]) => ` ${key}=${logfmtValue(value)}`)
    .join('');
}

function logfmtValue(value: LogValue): string {
  if (value === null) return 'nil';
  const text = safeText(String(value));
  return text === '' || /[\s="]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text;
}

/** `2026-01-01T00:00:00+0000`, local time with its offset. */
function logTime(at: Date): string {
  const offset = -at.getTimezoneOffset();
  const local = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}${two(Math.abs(offset) % 60)}`;
}

/** Writes lines from `level` up to `write`; the caller owns what is behind `write`. */
export class LogWriter {
  readonly #format: LogFormat;
  readonly #least: number;
  readonly #write: (line: string) => void;

  constructor(options: { format: LogFormat; level: LogLevelName; write: (line: string) => void }) {
    this.#format = options.format;
    this.#least = logLevels.indexOf(options.level);
    this.#write = options.write;
  }

  log(level: LogLevelName, message: string, fields: LogFields = {}): void {
    if (logLevels.indexOf(level) < this.#least) return;
    this.#write(`${formatLogLine(this.#format, new Date(), level, message, fields)}\n`);
  }
}
