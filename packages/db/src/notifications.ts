import pg from 'pg';

export interface Notifications {
  close(): Promise<void>;
}

/**
 * Listens on a channel of the database over a connection of its own, which it opens again whenever it breaks.
 * `onNotify` is also called after each (re)connect: what was said meanwhile was not heard.
 */
export function listenToDatabase(options: {
  readonly url: string;
  readonly channel: string;
  /** What was said; null after a (re)connect. */
  onNotify(payload: string | null): void;
  onError(error: Error): void;
  readonly retryMs?: number;
}): Notifications {
  const { url, channel, onNotify, onError, retryMs = 1_000 } = options;
  if (!/^\w+$/.test(channel)) throw new Error(`${channel} is not the name of a channel`);
  let closed = false;
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | null = null;
  let connecting: Promise<void> = Promise.resolve();

  const connect = async (): Promise<void> => {
    if (closed) return;
    const next = new pg.Client({ connectionString: url, keepAlive: true, connectionTimeoutMillis: 3_000 });
    client = next;
    let lost = false;
    const lose = (error?: Error): void => {
      if (lost) return;
      lost = true;
      if (error !== undefined && !closed) onError(error);
      next.end().catch(() => {});
      if (!closed) timer = setTimeout(open, retryMs);
      timer?.unref();
    };
    next.on('error', lose);
    next.on('end', () => lose());
    next.on('notification', ({ payload }) => onNotify(payload ?? ''));
    try {
      await next.connect();
      await next.query(`LISTEN ${channel}`);
      if (!lost) onNotify(null);
    } catch (error) {
      lose(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const open = (): void => {
    connecting = connect();
  };
  open();
  return {
    close: async () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await connecting;
      await client?.end().catch(() => {});
    },
  };
}
