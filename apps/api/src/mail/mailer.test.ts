import type { AddressInfo } from 'node:net';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silent } from '../testing/test-api.ts';
import { Mailer } from './mailer.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Received {
  readonly to: readonly string[];
  readonly raw: string;
}

/** A real mail server; it refuses the first `failures` mails for now. */
async function mailServer({ failures = 0 } = {}) {
  const received: Received[] = [];
  let left = failures;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        left -= 1;
        if (left >= 0) return done(Object.assign(new Error('busy'), { responseCode: 451 }));
        const to = session.envelope.rcptTo.map(({ address }) => address);
        received.push({ to, raw: Buffer.concat(chunks).toString('utf8') });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return { received, url: `smtp://127.0.0.1:${port}` };
}

function mailer(url: string): Mailer {
  const config = { kind: 'smtp', url, from: 'portico@dash.example' } as const;
  const made = new Mailer({ config, log: silent, now: () => new Date(), retryMs: 10 });
  closers.push(() => made.close());
  return made;
}

describe('mail through SMTP', () => {
  it('arrives as it was written, in any script', async () => {
    const { received, url } = await mailServer();
    const out = mailer(url);
    out.send({ to: 'mira@harbor.example', subject: 'Grüße, 世界', text: 'Open this:\n\nhttps://dash.example/x#y\n' });
    await out.settled();
    expect(received).toHaveLength(1);
    const mail = await PostalMime.parse(received[0]?.raw ?? '');
    expect(mail).toMatchObject({ subject: 'Grüße, 世界', from: { address: 'portico@dash.example' } });
    expect(mail.text?.trim()).toBe('Open this:\n\nhttps://dash.example/x#y');
    expect(mail.html).toBeUndefined();
  });

  it('goes to one address and no other, whatever stands in it', async () => {
    const { received, url } = await mailServer();
    const out = mailer(url);
    for (const to of [
      'a@b.example\r\nBcc: z@z.example',
      'a@b.example, z@z.example',
      'a@b.example>, <z@z.example',
      '',
    ]) {
      out.send({ to, subject: 'x', text: 'x' });
    }
    out.send({ to: 'last@b.example', subject: 'x\r\nBcc: z@z.example', text: 'x' });
    await out.settled();
    expect(received.map(({ to }) => to)).toEqual([['last@b.example']]);
    const mail = await PostalMime.parse(received[0]?.raw ?? '');
    expect(mail.bcc ?? []).toEqual([]);
  });

  it('is tried again when the server is busy', async () => {
    const { received, url } = await mailServer({ failures: 2 });
    const out = mailer(url);
    out.send({ to: 'mira@harbor.example', subject: 'x', text: 'x' });
    await out.settled();
    expect(received).toHaveLength(1);
  });

  it('is given up when the server stays away, and the next one is tried', async () => {
    const { received, url } = await mailServer({ failures: 4 });
    const out = mailer(url);
    out.send({ to: 'first@harbor.example', subject: 'x', text: 'x' });
    out.send({ to: 'second@harbor.example', subject: 'x', text: 'x' });
    await out.settled();
    expect(received.map(({ to }) => to)).toEqual([['second@harbor.example']]);
  });

  it('does not hold up who asks for it, nor the end', async () => {
    const out = mailer('smtp://127.0.0.1:1');
    const began = performance.now();
    out.send({ to: 'mira@harbor.example', subject: 'x', text: 'x' });
    expect(performance.now() - began).toBeLessThan(1_000);
    await out.close();
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe('the mailbox', () => {
  it('keeps the newest hundred', async () => {
    const out = new Mailer({ config: { kind: 'mailbox' }, log: silent, now: () => new Date() });
    for (let i = 0; i < 150; i += 1) out.send({ to: 'mira@harbor.example', subject: `mail ${i}`, text: 'x' });
    expect(out.kept).toHaveLength(100);
    expect(out.kept[0]?.subject).toBe('mail 149');
    await vi.waitFor(() => expect(out.kept.at(-1)?.subject).toBe('mail 50'), 10_000);
  });
});
