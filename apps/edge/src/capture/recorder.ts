import { type CaptureRule, replayClaim, replayField, replayPurpose } from '@portico/api-contract/internal';
import { getField } from '@portico/http-rules';
import { InflateBudget } from '@portico/http1';
import { newId } from '@portico/service';
import type { ActionResult, PolicyTrace } from '@portico/traffic-policy';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { TrafficEvents } from '../observe/traffic-events.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { KeyRing } from '../session/key-ring.ts';
import type { CaptureReporter } from './capture-reporter.ts';
import { RecordedExchange } from './recorded-exchange.ts';

/**
 * Takes notes of exchanges for those accounts that asked for it (design §3). For all others it costs one lookup in a map
 * that is nearly always empty.
 */
export class Recorder {
  readonly #ruleOf: (accountId: string) => CaptureRule | null;
  readonly #reporter: CaptureReporter;
  readonly #events: TrafficEvents | null;
  readonly #keys: KeyRing;
  readonly #region: string;
  readonly #now: () => number;
  readonly #nowMs: () => number;
  readonly #inflateBudget: InflateBudget;

  constructor(options: {
    ruleOf: (accountId: string) => CaptureRule | null;
    reporter: CaptureReporter;
    /** Gets what those accounts send elsewhere. */
    events?: TrafficEvents;
    keys: KeyRing;
    region: string;
    /** The time of day, for people; durations are measured with `nowMs`. */
    now: () => number;
    nowMs: () => number;
  }) {
    this.#ruleOf = options.ruleOf;
    this.#reporter = options.reporter;
    this.#events = options.events ?? null;
    this.#keys = options.keys;
    this.#region = options.region;
    this.#now = options.now;
    this.#nowMs = options.nowMs;
    this.#inflateBudget = new InflateBudget({ bytesASecond: INFLATED_BYTES_A_SECOND, nowMs: options.nowMs });
  }

  /** The exchange itself, or one around it that takes notes until it is over. */
  begin(exchange: Exchange, endpoint: Endpoint): Exchange {
    const rule = this.#ruleOf(endpoint.accountId);
    const events = this.#events?.wants(endpoint.accountId, 'http_request_complete.v0') ? this.#events : null;
    if (rule === null && events === null) return exchange;
    const at = this.#now();
    const replay = this.#replayOf(exchange, at);
    const id = replay?.id ?? newId('req', at);
    const { accountId } = endpoint;
    return new RecordedExchange({
      exchange,
      rule: rule ?? NOTHING_KEPT,
      isShown: rule !== null,
      facts: {
        id,
        accountId,
        endpointId: endpoint.id,
        url: endpoint.url,
        at,
        region: this.#region,
        replayOf: replay?.of ?? null,
      },
      nowMs: this.#nowMs,
      target: {
        inflateBudget: this.#inflateBudget,
        record: (record) => rule !== null && this.#reporter.report(record),
        complete: (record, answer, results) => events?.request(record, exchange, { answer, results }),
        openQueue: () => this.#reporter.openQueue({ exchangeId: id, accountId }),
      },
    });
  }

  /** A repeated request says so in a field that only the API can sign, and only for this host and a short time. */
  #replayOf({ request }: Exchange, now: number): { id: string; of: string } | null {
    const text = getField(request.fields, replayField);
    if (text === undefined || text === null) return null;
    const claim = replayClaim.safeParse(this.#keys.verify(replayPurpose, text));
    if (!claim.success || claim.data.host !== request.hostname || claim.data.until < now) return null;
    return { id: claim.data.id, of: claim.data.of };
  }
}

/** By the whole edge, for people who look: some percent of a processor at most. */
const INFLATED_BYTES_A_SECOND = 8_388_608;

/** For accounts that only want to be told. */
const NOTHING_KEPT: CaptureRule = { mode: 'metadata', bodyBytes: 0 };

/** What the parts on the way note down of one exchange, where somebody wants to know. */
export interface ExchangeNotes {
  readonly id: string;
  /** When it was sent towards an agent, monotonic; null before. */
  sentMs: number | null;
  agent: string | null;
  /** Round trip to that agent. */
  tunnelMs: number | null;
  policy: { readonly logs: readonly unknown[]; request: string | null; response: string | null } | null;
  /** What the rules did goes here; null when nobody is shown it. */
  readonly rules: PolicyTrace | null;
  /** What actions left behind, a phase each, in their order. */
  readonly results: Readonly<Record<string, ActionResult>>[];
}
