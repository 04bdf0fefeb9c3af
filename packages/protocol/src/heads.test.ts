import { PorticoError } from '@portico/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatError, parseErrorText } from './error-text.ts';
import { JsonScanner } from './json-scanner.ts';
import { MessageError } from './message-fields.ts';
import { encodeProxyHeader, formatClientAddr, HeadReader, ProxyHeaderReader } from './proxy-header.ts';
import {
  encodeOpenErr,
  encodeOpenOk,
  encodeStreamOpen,
  OpenReplyReader,
  openErrorCodes,
  parseStreamOpen,
  type StreamOpen,
  StreamOpenReader,
} from './stream-open.ts';
import { proxyHeader } from './vectors.util.ts';

describe('the head of a proxied stream', () => {
  const header = { id: 'b1', clientAddr: '192.0.2.1:1234', proto: 'https', edgeType: '0', passthroughTls: false };

  it('is written as captured', () => {
    expect(encodeProxyHeader(header).toString('hex')).toBe(proxyHeader);
  });

  it('is read, cut anywhere, and what follows is given back', () => {
    const bytes = Buffer.concat([Buffer.from(proxyHeader, 'hex'), Buffer.from('GET / ')]);
    for (let at = 0; at <= bytes.length; at += 1) {
      const reader = new ProxyHeaderReader();
      const pieces = [bytes.subarray(0, at), bytes.subarray(at)];
      let rest = '';
      let head: unknown = null;
      for (const piece of pieces) {
        if (head !== null) rest += piece.toString();
        else {
          const result = reader.push(piece);
          if (result.kind === 'done') {
            head = result.head;
            rest = result.rest.toString();
          }
        }
      }
      expect(head).toEqual(header);
      expect(rest).toBe('GET / ');
    }
  });

  it.each([
    ['in the wrong byte order', '000000000000005f'],
    ['negative', 'ffffffffffffffff'],
    ['zero', '0000000000000000'],
    ['huge', '0100010000000000'],
  ])('with a length that is %s is refused at once', (_what, hex) => {
    expect(() => new ProxyHeaderReader().push(Buffer.from(hex, 'hex'))).toThrowError(MessageError);
  });

  it('that is no JSON object is refused', () => {
    for (const text of ['[]', '12', '{"a"', '"x"']) {
      const bytes = Buffer.alloc(8 + text.length);
      bytes.writeBigInt64LE(BigInt(text.length));
      bytes.write(text, 8);
      expect(() => new ProxyHeaderReader().push(bytes)).toThrowError(MessageError);
    }
  });

  it('has addresses of both families', () => {
    expect(formatClientAddr('192.0.2.1', 80)).toBe('192.0.2.1:80');
    expect(formatClientAddr('2001:db8::1', 80)).toBe('[2001:db8::1]:80');
  });
});

describe('opening a stream the Portico way', () => {
  const open: StreamOpen = {
    v: 1,
    kind: 'proxy',
    endpointId: 'ep_1',
    targetId: 'b1',
    client: { ip: '2001:db8::1', port: 5 },
    fence: 7,
    hops: 0,
    traceId: 't',
    proto: 'https',
    passthroughTls: true,
  };

  it('goes there and back', () => {
    const result = new StreamOpenReader().push(Buffer.concat([encodeStreamOpen(open), Buffer.from('x')]));
    expect(result).toEqual({ kind: 'done', head: open, rest: Buffer.from('x') });
  });

  it('is refused in another version or kind', () => {
    expect(() => parseStreamOpen({ ...open, v: 2 })).toThrowError(MessageError);
    expect(() => parseStreamOpen({ ...open, kind: 'dgram' })).toThrowError(MessageError);
    expect(() => parseStreamOpen({ ...open, client: 'x' })).toThrowError(MessageError);
  });

  it('is answered with one byte, and payload may follow it', () => {
    expect(encodeOpenOk().toString('hex')).toBe('00');
    expect(new OpenReplyReader().push(Buffer.concat([encodeOpenOk(), Buffer.from('HTTP')]))).toEqual({
      kind: 'ok',
      rest: Buffer.from('HTTP'),
    });
  });

  it.each(openErrorCodes)('or with the error %s, cut anywhere', (code) => {
    const error = { code, message: 'dial tcp "x"', dialMs: 12.5 };
    const bytes = encodeOpenErr(error);
    for (let at = 0; at < bytes.length; at += 1) {
      const reader = new OpenReplyReader();
      expect(reader.push(bytes.subarray(0, at))).toEqual({ kind: 'more' });
      expect(reader.push(bytes.subarray(at))).toEqual({ kind: 'error', error });
    }
  });

  it('and with nothing else', () => {
    for (const bytes of [
      Buffer.from([2]),
      Buffer.from('\x01{"code":"NOPE"}'),
      Buffer.from('\x01[]'),
      Buffer.alloc(5_000, 0x20).fill(1, 0, 1),
    ]) {
      expect(() => new OpenReplyReader().push(bytes)).toThrowError(MessageError);
    }
  });

  it('long messages are cut, so that the reply always fits', () => {
    const bytes = encodeOpenErr({ code: 'DIAL_FAILED', message: '\u0000'.repeat(10_000), dialMs: 1 });
    expect(bytes.length).toBeLessThan(4_096);
    expect(new OpenReplyReader().push(bytes).kind).toBe('error');
  });
});

describe('error texts', () => {
  it('have the code alone on its line from column 0', () => {
    const text = formatError(new PorticoError(334, { url: 'https://a.test' }));
    expect(text).toBe(
      'https://a.test is online already. Stop it where it runs, or choose another name.\n\nERR_NGROK_334\n',
    );
    expect(parseErrorText(text)).toEqual({
      text: 'https://a.test is online already. Stop it where it runs, or choose another name.',
      code: 'ERR_NGROK_334',
    });
  });

  it('cannot be given another code by what fills them', () => {
    const text = formatError(new PorticoError(334, { url: 'x\nERR_NGROK_1\r\nERR_NGROK_2' }));
    expect(parseErrorText(text).code).toBe('ERR_NGROK_334');
    expect(text.split('\n').filter((line) => line.startsWith('ERR_'))).toEqual(['ERR_NGROK_334']);
  });

  it('without a code, or with one inside a line, have none', () => {
    expect(parseErrorText('plain')).toEqual({ text: 'plain', code: null });
    expect(parseErrorText('see ERR_NGROK_105 there\n ERR_NGROK_107').code).toBeNull();
    expect(parseErrorText('')).toEqual({ text: '', code: null });
  });
});

describe('the scanner for JSON', () => {
  const isLong = process.env.PORTICO_LONG === '1';
  const numRuns = isLong ? 20_000 : 500;

  it('finds the end of the first object however it is cut, whatever follows', {
    timeout: isLong ? 600_000 : 30_000,
  }, () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 })),
        fc.string({ unit: 'binary' }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom('', ' ', '\r\n\t '),
        (object, rest, size, before) => {
          const json = Buffer.from(before + JSON.stringify(object));
          const bytes = Buffer.concat([json, Buffer.from(rest)]);
          const scanner = new JsonScanner(1_000_000, 64);
          for (let at = 0; at < bytes.length; at += size) {
            const result = scanner.push(bytes.subarray(at, at + size));
            if (result.kind === 'more') continue;
            expect(result).toEqual({ kind: 'complete', bytesUsed: json.length - at });
            return;
          }
          throw new Error('no end was found');
        },
      ),
      { numRuns },
    );
  });

  it('counts size and depth exactly', () => {
    const text = Buffer.from('{"a":[{"b":1}]}');
    expect(new JsonScanner(text.length, 3).push(text).kind).toBe('complete');
    expect(new JsonScanner(text.length - 1, 3).push(text)).toEqual({ kind: 'fault', fault: 'too-big' });
    expect(new JsonScanner(text.length, 2).push(text)).toEqual({ kind: 'fault', fault: 'too-deep' });
    expect(new JsonScanner(text.length, 3).push(Buffer.concat([text, Buffer.alloc(100)])).kind).toBe('complete');
  });
});

it('a head reader passes on what its parser throws', () => {
  const reader = new HeadReader(() => {
    throw new MessageError('no');
  });
  expect(() => reader.push(Buffer.from(proxyHeader, 'hex'))).toThrowError('no');
});
