import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';

describe('createLogger', () => {
  it('hides secrets wherever they stand', () => {
    const lines: string[] = [];
    const log = createLogger({ name: 'test', destination: { write: (line) => lines.push(line) } });
    log.info(
      { authtoken: 's3cret', headers: { cookie: 's3cret', authorization: 's3cret' }, a: { b: { token: 's3cret' } } },
      'x',
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('s3cret');
    expect(lines[0]).toContain('[hidden]');
  });

  it('keeps what a visitor sent on one line', () => {
    const lines: string[] = [];
    const log = createLogger({ name: 'test', destination: { write: (line) => lines.push(line) } });
    log.info({ path: '/a\r\nlvl=error\u001b[31m' }, 'x');
    expect(lines[0]?.trimEnd().split('\n')).toHaveLength(1);
    expect(lines[0]).not.toContain('\u001b');
  });
});
