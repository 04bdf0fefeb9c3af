/** What went through in one span of time; a null `endpointId` means all endpoints together. */
export interface UsageBucket {
  readonly start: string;
  readonly endpointId: string | null;
  readonly url: string | null;
  readonly requests: number;
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly errors: number;
}

const dayMs = 86_400_000;

/** One bucket for each day (UTC) from `from` to `to`, with zeros where nothing was reported. */
export function daysUpTo(buckets: readonly UsageBucket[], from: Date, to: Date): UsageBucket[] {
  const known = new Map(buckets.map((bucket) => [bucket.start.slice(0, 10), bucket]));
  const days: UsageBucket[] = [];
  for (let at = from.getTime(); at <= to.getTime(); at += dayMs) {
    const start = new Date(at).toISOString();
    days.push(known.get(start.slice(0, 10)) ?? { ...nothing, start });
  }
  return days;
}

const nothing = {
  start: '',
  endpointId: null,
  url: null,
  requests: 0,
  connections: 0,
  bytesIn: 0,
  bytesOut: 0,
  errors: 0,
} as const satisfies UsageBucket;

export function totalOf(buckets: readonly UsageBucket[]): UsageBucket {
  const sum: { -readonly [K in keyof UsageBucket]: UsageBucket[K] } = { ...nothing };
  for (const { requests, connections, bytesIn, bytesOut, errors } of buckets) {
    sum.requests += requests;
    sum.connections += connections;
    sum.bytesIn += bytesIn;
    sum.bytesOut += bytesOut;
    sum.errors += errors;
  }
  return sum;
}

/** RFC 4180. A cell that a spreadsheet would read as a formula begins with an apostrophe. */
export function inCsv(buckets: readonly UsageBucket[]): string {
  const rows = buckets.map(({ start, url, requests, connections, bytesIn, bytesOut, errors }) =>
    [start.slice(0, 10), url ?? '', requests, connections, bytesIn, bytesOut, errors].map(cell).join(','),
  );
  return `${['day,url,requests,connections,bytes_in,bytes_out,errors', ...rows].join('\r\n')}\r\n`;
}

function cell(value: string | number): string {
  const text = String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
