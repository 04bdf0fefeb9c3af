import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Where secrets stand in what we log; pino replaces each value by `[hidden]`. One level deep and at the top. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'token',
  'authtoken',
  'apiKey',
  'password',
  'secret',
  'privateKeyPem',
  'credential',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * A logger of one process or subsystem: one JSON object a line on standard error, or to `destination`.
 * Values under the names of secrets are hidden. Control characters are escaped by JSON itself.
 */
export function createLogger(options: { name: string; level?: LogLevel; destination?: DestinationStream }): Logger {
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      base: { app: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ lvl: label }) },
      redact: { paths: SECRET_FIELDS, censor: '[hidden]' },
    },
    options.destination ?? pino.destination({ dest: 2, sync: false }),
  );
}
