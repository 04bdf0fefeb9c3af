import { type AuditEventRow, auditEventsAfter, type Database } from '@portico/db';

export type ExportFormat = 'csv' | 'jsonl';

const batch = 500;
const columns = [
  'id',
  'time',
  'type',
  'actor_id',
  'credential_id',
  'address',
  'request_id',
  'object_id',
  'before',
  'after',
] as const;

/** The log of an account as lines, oldest first; read in pieces, so that a long one needs no more memory. */
export async function* exportAuditEvents(
  database: Database,
  accountId: string,
  { from, to, format }: { from: Date; to: Date; format: ExportFormat },
): AsyncGenerator<string> {
  if (format === 'csv') yield `${columns.join(',')}\r\n`;
  let afterId: string | null = null;
  for (;;) {
    const rows: AuditEventRow[] = await auditEventsAfter(database.queries, accountId, {
      from,
      to,
      afterId,
      limit: batch,
    });
    if (rows.length > 0) yield rows.map((row) => lineOf(row, format)).join('');
    const last = rows.at(-1);
    if (last === undefined || rows.length < batch) return;
    afterId = last.id;
  }
}

function lineOf(row: AuditEventRow, format: ExportFormat): string {
  const event = {
    id: row.id,
    time: row.at.toISOString(),
    type: row.type,
    actor_id: row.actorId,
    credential_id: row.credentialId,
    address: row.address,
    request_id: row.requestId,
    object_id: row.objectId,
    before: row.before,
    after: row.after,
  };
  if (format === 'jsonl') return `${JSON.stringify(event)}\n`;
  return `${columns.map((name) => csvField(event[name])).join(',')}\r\n`;
}

/** RFC 4180. A text that a spreadsheet would take for a formula gets a quote in front. */
export function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
