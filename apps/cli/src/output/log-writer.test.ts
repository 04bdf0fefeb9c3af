import { describe, expect, it } from 'vitest';
import { formatLogLine, LogWriter } from './log-writer.ts';

const at = new Date('2026-01-02T03:04:05.678Z');

describe('a log line', () => {
  it('is logfmt with the keys that scripts grep for', () => {
    const line = formatLogLine('logfmt', at, 'info', 'started tunnel', {
      obj: 'tunnels',
      name: 'command_line',
      addr: 'http://localhost:80',
      url: 'https://demo.portico.localhost:8443',
    });
    expect(line).toMatch(
      /^t=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} lvl=info msg="started tunnel" obj=tunnels name=command_line addr=http:\/\/localhost:80 url=https:\/\/demo\.portico\.localhost:8443$/,
    );
  });

  it('is JSON with the same keys', () => {
    expect(JSON.parse(formatLogLine('json', at, 'error', 'failed', { err: 'no "way"' }))).toEqual({
      lvl: 'eror',
      msg: 'failed',
      err: 'no "way"',
      t: '2026-01-02T03:04:05.678Z',
    });
  });

  it('stays one line and cannot move the cursor, whatever comes in', () => {
    for (const format of ['term', 'logfmt', 'json'] as const) {
      const line = formatLogLine(format, at, 'warn', 'a\nb', { x: '\u001b[2J\r\nt=forged', y: '\u009b31m' });
      expect(line).not.toMatch(/[\n\r\u001b]/);
      if (format !== 'json') expect(line).not.toMatch(/\u009b/);
    }
  });

  it('quotes what would otherwise be read as two fields', () => {
    expect(
      formatLogLine('logfmt', at, 'info', 'm', { a: 'x y', b: 'k=v', c: 'say "hi"', d: '', e: null, f: 1 }),
    ).toMatch(/a="x y" b="k=v" c="say \\"hi\\"" d="" e=nil f=1$/);
  });
});

describe('a log writer', () => {
  it('leaves out what is below its level', () => {
    const lines: string[] = [];
    const writer = new LogWriter({ format: 'logfmt', level: 'warn', write: (line) => lines.push(line) });
    writer.log('info', 'quiet');
    writer.log('error', 'loud');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/msg=loud\n$/);
  });
});
