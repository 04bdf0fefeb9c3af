import type { Logger } from '@portico/service';
import { createTransport, type Transporter } from 'nodemailer';
import { z } from 'zod';
import type { MailText } from './messages.ts';

export interface Mail extends MailText {
  readonly to: string;
}

export interface KeptMail extends Mail {
  readonly id: number;
  readonly at: Date;
}

/** Where mail goes: out, into a mailbox for whoever develops on this machine, or nowhere. */
export type MailConfig =
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string }
  | { readonly kind: 'mailbox' }
  | { readonly kind: 'none' };

const queuedMax = 1_000;
const keptMax = 100;
const triesMax = 4;

/**
 * Sends mail behind the requests that ask for it, one after another: how long an answer takes tells nobody whether
 * there was something to send. What cannot be sent is tried a few times and then logged. Bounded; a restart loses
 * what waits, and people ask again.
 */
export class Mailer {
  readonly #config: MailConfig;
  readonly #log: Logger;
  readonly #now: () => Date;
  readonly #retryMs: number;
  readonly #transport: Transporter | null;
  readonly #kept: KeptMail[] = [];
  readonly #queue: Mail[] = [];
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  #lastId = 0;

  constructor(options: { config: MailConfig; log: Logger; now: () => Date; retryMs?: number }) {
    this.#config = options.config;
    this.#log = options.log;
    this.#now = options.now;
    this.#retryMs = options.retryMs ?? 2_000;
    const times = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };
    this.#transport = this.#config.kind === 'smtp' ? createTransport({ url: this.#config.url, ...times }) : null;
  }

  get kind(): MailConfig['kind'] {
    return this.#config.kind;
  }

  /** What the mailbox holds, newest first. */
  get kept(): readonly KeptMail[] {
    return [...this.#kept].reverse();
  }

  /** Returns at once. An address that is none is not written to. */
  send(mail: Mail): void {
    if (this.#config.kind === 'none' || !z.email().safeParse(mail.to).success) return;
    if (this.#config.kind === 'mailbox') {
      this.#lastId += 1;
      this.#kept.push({ ...mail, id: this.#lastId, at: this.#now() });
      if (this.#kept.length > keptMax) this.#kept.shift();
      return;
    }
    if (this.#queue.length >= queuedMax) {
      this.#log.warn({ subject: mail.subject }, 'too much mail waits; this one was dropped');
      return;
    }
    this.#queue.push(mail);
    this.#running ??= this.#work();
  }

  /** Gives up what still waits. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#transport?.close();
  }

  /** When everything that was asked for has left, or was given up. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #work(): Promise<void> {
    // Not in the turn of the request that asks for it.
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (let mail = this.#queue.shift(); mail !== undefined; mail = this.#queue.shift()) {
      if (this.#closing.signal.aborted) break;
      await this.#deliver(mail);
    }
    this.#running = null;
  }

  async #deliver(mail: Mail): Promise<void> {
    if (this.#config.kind !== 'smtp') return;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#transport?.sendMail({
          from: this.#config.from,
          // Never as text: a line break in it would name further receivers.
          to: { name: '', address: mail.to },
          subject: mail.subject,
          text: mail.text,
          headers: { 'auto-submitted': 'auto-generated' },
        });
        return;
      } catch (error) {
        if (tries >= triesMax || this.#closing.signal.aborted) {
          this.#log.error({ err: error, subject: mail.subject }, 'mail could not be sent');
          return;
        }
      }
      await this.#pause(this.#retryMs * 2 ** (tries - 1));
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#closing.signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
