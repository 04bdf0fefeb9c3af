import { createHash } from 'node:crypto';
import { PorticoError } from '@portico/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Member, UpstreamHandler } from '../endpoint/endpoint.ts';
import { BASE, DEMO, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { RawVisitor } from '../testing/raw-visitor.util.ts';
import { testEndpoint } from '../testing/tunnel.util.ts';

let edge: EdgeUnderTest;
beforeAll(async () => {
  edge = await startEdge({ upstreamPort: () => 1 });
});
afterAll(() => edge.close());

/** A member whose agent says that it did not reach the upstream. */
function refusing(code: string, message: string): Member {
  return {
    id: 'm',
    agentName: 'jonas-dev',
    openStreams: 0,
    streamCap: 480,
    open: () => {
      let handler: UpstreamHandler | null = null;
      queueMicrotask(() => handler?.onRefused({ code, message, dialMs: 3 }));
      return {
        setHandler: (given) => {
          handler = given;
        },
        write: () => true,
        end: () => {},
        reset: () => {},
        abort: () => {},
        ack: () => {},
        bufferedBytes: 0,
        acceptedAtMs: null,
      };
    },
  };
}

async function ask(host: string, fields = '', method = 'GET'): Promise<{ head: string; body: string }> {
  const visitor = await RawVisitor.connect(edge);
  visitor.write(`${method} / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${fields}\r\n`);
  const text = await visitor.untilEnded();
  visitor.destroy();
  const end = text.indexOf('\r\n\r\n');
  return { head: text.slice(0, end + 2), body: Buffer.from(text.slice(end + 4), 'latin1').toString() };
}

const BROWSER = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n';
let names = 0;
function endpointWith(member: Member, forwardsTo = 'localhost:5173'): string {
  names += 1;
  const host = `e${names}.${BASE}`;
  edge.router.add(testEndpoint({ proto: 'http', host, members: [member], forwardsTo }));
  return host;
}

describe('an answer of the edge itself', () => {
  it('is short text for programs, with the code alone on the last line', async () => {
    const { head, body } = await ask(`nobody.${BASE}`, 'Accept: */*\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(head).toMatch(/\r\nngrok-error-code: ERR_NGROK_3200\r\n/i);
    expect(head).toMatch(/\r\ncontent-type: text\/plain; charset=utf-8\r\n/i);
    expect(head).toMatch(/\r\ncache-control: no-store\r\n/i);
    expect(head).toMatch(/\r\ncontent-security-policy: default-src 'none'/i);
    expect(body).toBe(`Nothing is online at nobody.${BASE}.\n\nERR_NGROK_3200\n`);
  });

  it('is a page for browsers, with a policy that lets nothing in but its own style', async () => {
    const { head, body } = await ask(`nobody.${BASE}`, BROWSER);
    expect(head).toMatch(/\r\ncontent-type: text\/html; charset=utf-8\r\n/i);
    const style = /<style>([\s\S]*)<\/style>/.exec(body)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(head).toContain(`default-src 'none'; style-src 'sha256-${hash}'; img-src data:;`);
    expect(body).toContain('Nothing is online at this address');
    expect(body).toContain('ERR_NGROK_3200');
    expect(body).toMatch(/req_[0-9A-Za-z]{27}/);
    expect(body).toContain('noindex');
    expect(body).not.toMatch(/<script|\sstyle=|\son[a-z]+=|\ssrc=|href="http|url\(|@import/);
    expect(Buffer.byteLength(body)).toBeLessThan(12_000);
  });

  it('is not sent to a browser that refuses HTML, nor with a body to HEAD', async () => {
    expect((await ask(`nobody.${BASE}`, 'Accept: text/html;q=0, */*\r\n')).head).toMatch(/text\/plain/);
    const { head, body } = await ask(`nobody.${BASE}`, BROWSER, 'HEAD');
    expect(body).toBe('');
    expect(Number(/content-length: (\d+)/i.exec(head)?.[1])).toBeGreaterThan(1_000);
  });

  it('names the agent, the address and the reason when the app does not answer', async () => {
    const host = endpointWith(refusing('DIAL_REFUSED', 'connect ECONNREFUSED 127.0.0.1:5173'));
    const page = await ask(host, BROWSER);
    expect(page.head).toMatch(/^HTTP\/1\.1 502 /);
    expect(page.body).toContain('<strong>jonas-dev</strong>');
    expect(page.body).toContain('<code>localhost:5173</code>');
    expect(page.body).toContain('lsof -i :5173');
    expect(page.body).toContain(`portico http http://[::1]:5173 --url http://${host}`);
    const text = await ask(host);
    expect(text.body).toBe(
      'The tunnel is up, but the app behind it is not answering.\nThe agent could not reach localhost:5173: connect ECONNREFUSED 127.0.0.1:5173.\n\nERR_NGROK_8012\n',
    );
  });

  it.each([
    ['ACCEPT_TIMEOUT', 504, 3210],
    ['QUEUE_TIMEOUT', 503, 734],
    ['DIAL_TIMEOUT', 502, 8012],
    ['DIAL_FAILED', 502, 8012],
    ['DENIED', 502, 8012],
  ])('for %s of the agent is %i with %i', async (code, status, number) => {
    const host = endpointWith(refusing(code, 'why'));
    for (const fields of ['', BROWSER]) {
      const { head } = await ask(host, fields);
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(head).toContain(`ERR_NGROK_${number}\r\n`);
      if (status === 503) expect(head).toMatch(/\r\nretry-after: 1\r\n/i);
    }
  });

  it.each([
    ['STALE_TARGET', 404],
    ['NO_LEG', 404],
    ['DRAINING', 503],
  ])('comes only after another member was asked when one says %s', async (code, status) => {
    let asked = 0;
    const member = refusing(code, 'gone');
    const host = endpointWith({
      ...member,
      open: (header, first) => {
        asked += 1;
        return member.open(header, first);
      },
    });
    const { head } = await ask(host);
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(asked).toBe(2);
  });

  it('shows text from outside as text', async () => {
    const evil = `</title><script>alert(1)</script>"'&\u202e`;
    const member = refusing('DIAL_FAILED', evil);
    const host = endpointWith({ ...member, agentName: evil }, evil);
    const { body } = await ask(host, BROWSER);
    expect(body).not.toContain('<script>');
    expect(body).not.toContain('\u202e');
    expect(body).toContain('&#60;script&#62;');
    const long = endpointWith(
      { ...refusing('DIAL_FAILED', 'x'.repeat(100_000)), agentName: 'y'.repeat(100_000) },
      'z'.repeat(100_000),
    );
    expect(Buffer.byteLength((await ask(long, BROWSER)).body)).toBeLessThan(12_000);
    expect(Buffer.byteLength((await ask(long)).body)).toBeLessThan(12_000);
  });

  it('says nothing of the other side while the edge drains or sheds load', async () => {
    edge.refusal = new PorticoError(743, { reason: 'the event loop is late' });
    const busy = await ask(DEMO, BROWSER);
    edge.refusal = new PorticoError(742);
    const draining = await ask(DEMO);
    edge.refusal = null;
    expect(busy.head).toMatch(/^HTTP\/1\.1 503 /);
    expect(busy.head).toMatch(/\r\nretry-after: 1\r\n/i);
    expect(busy.body).not.toContain('event loop');
    expect(draining.body).toContain('ERR_NGROK_742\n');
  });
});
