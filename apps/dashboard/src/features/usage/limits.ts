import { nullable, number, object, type Reader, text } from '../../lib/shape.ts';

/** What the plan allows, and how much of it is used; `limit` is null where there is none. */
export interface UsageLimits {
  readonly plan: string;
  readonly monthStart: string;
  readonly monthEnd: string;
  readonly measured: readonly Measured[];
  readonly ceilings: readonly { readonly name: string; readonly limit: number | null }[];
}

export interface Measured {
  readonly key: 'requests' | 'connections' | 'bytes' | 'endpoints' | 'sessions' | 'domains';
  readonly name: string;
  readonly used: number;
  readonly limit: number | null;
  /** What counts from zero again each month; else it is what is there now. */
  readonly isMonthly: boolean;
  /** What visitors or agents meet when nothing is left. */
  readonly whenOver: string;
}

const measured = object({ used: number, limit: nullable(number) });
const ceiling = object({ limit: nullable(number) });
const raw = object({
  plan: text,
  month_start: text,
  month_end: text,
  requests_per_month: measured,
  connections_per_month: measured,
  bytes_per_month: measured,
  endpoints: measured,
  sessions: measured,
  reserved_domains: measured,
  endpoints_per_session: ceiling,
  requests_per_second: ceiling,
  connections_per_second: ceiling,
});

export const readLimits: Reader<UsageLimits> = (value) => {
  const fields = raw(value);
  const refused = (code: number) => `Visitors get ERR_NGROK_${code}`;
  return {
    plan: fields.plan,
    monthStart: fields.month_start,
    monthEnd: fields.month_end,
    measured: [
      { key: 'requests', name: 'Requests', ...fields.requests_per_month, isMonthly: true, whenOver: refused(727) },
      {
        key: 'connections',
        name: 'Connections',
        ...fields.connections_per_month,
        isMonthly: true,
        whenOver: refused(726),
      },
      { key: 'bytes', name: 'Traffic', ...fields.bytes_per_month, isMonthly: true, whenOver: refused(725) },
      {
        key: 'endpoints',
        name: 'Endpoints of agents online',
        ...fields.endpoints,
        isMonthly: false,
        whenOver: 'A further one is refused with ERR_NGROK_351',
      },
      {
        key: 'sessions',
        name: 'Agents online',
        ...fields.sessions,
        isMonthly: false,
        whenOver: 'A further one is refused',
      },
      {
        key: 'domains',
        name: 'Reserved domains',
        ...fields.reserved_domains,
        isMonthly: false,
        whenOver: 'A further one is refused',
      },
    ],
    ceilings: [
      { name: 'Endpoints of one agent', limit: fields.endpoints_per_session.limit },
      { name: 'Requests a second', limit: fields.requests_per_second.limit },
      { name: 'Connections a second', limit: fields.connections_per_second.limit },
    ],
  };
};

export type Nearness = 'unlimited' | 'fine' | 'near' | 'almost' | 'over';

/** Near from 70 %, almost from 90 %. */
export function nearnessOf({ used, limit }: Pick<Measured, 'used' | 'limit'>): Nearness {
  if (limit === null) return 'unlimited';
  if (used >= limit) return 'over';
  const part = used / limit;
  return part >= 0.9 ? 'almost' : part >= 0.7 ? 'near' : 'fine';
}

/**
 * When a monthly limit is reached if the month goes on as it went so far; null when it is not reached within it. Nothing is
 * said in the first hours, when an hour would be taken for the month.
 */
export function reachedAt(
  { used, limit, isMonthly }: Pick<Measured, 'used' | 'limit' | 'isMonthly'>,
  { monthStart, monthEnd }: Pick<UsageLimits, 'monthStart' | 'monthEnd'>,
  nowMs: number,
): Date | null {
  const startMs = Date.parse(monthStart);
  const goneMs = nowMs - startMs;
  if (!isMonthly || limit === null || used === 0 || used >= limit || goneMs < 6 * 3_600_000) return null;
  const atMs = startMs + goneMs * (limit / used);
  return atMs < Date.parse(monthEnd) ? new Date(atMs) : null;
}
