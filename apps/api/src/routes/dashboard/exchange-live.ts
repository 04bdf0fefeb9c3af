import type { ExchangeMessage } from '@portico/api-contract/dashboard';
import { parseFilter, verdictOf } from '@portico/api-contract/exchange-filter';
import { type ExchangeLine, findCaptureSetting } from '@portico/db';
import type { ApiContext } from '../../context.ts';
import type { ExchangeFeed } from '../../exchanges/exchange-feed.ts';
import { exchangeShape, hiddenByDefault, withoutHidden } from '../../exchanges/exchange-shape.ts';
import type { OpenStreams } from '../../plugins/open-stream.ts';
import type { BrowserRoutes } from './browser-routes.ts';

/** A page redraws no more often than this. */
const gatherMs = 250;
/** What one message carries; a page that gets more than this in a quarter of a second is told how many it missed. */
const linesAMessage = 500;

/** `GET /dashboard/v1/exchanges/live`: an account's exchanges as they are recorded, as server-sent events. */
export function exchangeLiveRoute(
  routes: BrowserRoutes,
  { config, database, now }: ApiContext,
  { feed, streams }: { feed: ExchangeFeed; streams: OpenStreams },
): void {
  routes.member('GET', '/dashboard/v1/exchanges/live', 'resources.read', async (request, reply, { member }) => {
    const hiddenNow = async (): Promise<readonly string[]> =>
      (await findCaptureSetting(database.queries, member.accountId))?.hiddenHeaders ?? hiddenByDefault;
    const search = new URL(request.url, 'http://x.invalid').searchParams.get('search') ?? '';
    const terms = parseFilter(search, now());
    let hidden = terms.length === 0 ? [] : await hiddenNow();
    let waiting: ExchangeLine[] = [];
    let found: string[] = [];
    let counts = new Map<string, number>();
    let missed = 0;
    let dropped = 0;
    let spokeAtMs = performance.now();
    const stops: (() => void)[] = [];
    const stream = streams.begin(request, reply, {
      headers: { 'content-type': 'text/event-stream; charset=utf-8' },
      onEnd: () => {
        for (const stop of stops) stop();
      },
    });
    const write = (message: ExchangeMessage): void => {
      spokeAtMs = performance.now();
      stream.write(`data: ${JSON.stringify(message)}\n\n`);
    };
    const tell = (): void => {
      if (waiting.length === 0 && counts.size === 0 && missed === 0 && dropped === 0) {
        if (performance.now() - spokeAtMs >= config.limits.livePingMs) write({ kind: 'ping', at: now().toISOString() });
        return;
      }
      // A reader that is slow gets it later, and less of it.
      if (!stream.isDrained) return;
      write({
        kind: 'exchanges',
        exchanges: waiting.map((line) => exchangeShape(line, null, [])),
        found,
        messages: [...counts].map(([id, count]) => ({ id, count })),
        missed,
        dropped,
      });
      waiting = [];
      found = [];
      counts = new Map();
      missed = 0;
      dropped = 0;
    };
    stops.push(
      feed.subscribe(member.accountId, (news) => {
        const room = Math.max(0, linesAMessage - waiting.length);
        const fresh = news.lines.slice(0, room);
        waiting.push(...fresh);
        if (terms.length > 0) {
          for (const line of fresh) {
            const contents = news.contents.get(line.id);
            if (contents === undefined) continue;
            const shape = exchangeShape(line, null, []);
            // What a line tells by itself, the page sees.
            if (verdictOf(terms, shape) !== 'unknown') continue;
            if (verdictOf(terms, shape, withoutHidden(contents, hidden)) === 'yes') found.push(line.id);
          }
        }
        missed += Math.max(0, news.lines.length - room);
        for (const { exchangeId, last } of news.messages.slice(0, linesAMessage)) counts.set(exchangeId, last);
        dropped += news.dropped;
      }),
    );
    // At once: the page then knows that from here on it hears of all.
    write({ kind: 'ping', at: now().toISOString() });
    const timer = setInterval(tell, gatherMs);
    const recheck = setInterval(() => {
      routes.memberOf(request).catch(() => stream.end());
      if (terms.length === 0) return;
      hiddenNow().then(
        (names) => {
          hidden = names;
        },
        // Asked again the next time.
        () => {},
      );
    }, recheckMs);
    stops.push(() => {
      clearInterval(timer);
      clearInterval(recheck);
    });
    if (reply.raw.destroyed) for (const stop of stops) stop();
    return reply;
  });
}

/** A session that ended meanwhile is noticed after this time. */
const recheckMs = 30_000;
