import { collections, type UsageBucketResource, usageSpan } from '@portico/api-contract/public';
import { type AuditEventRow, findAuditEvent, listAuditEvents, usageBuckets } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { readQuery } from '../../plugins/json-input.ts';
import { collectionRoutes } from './collection-routes.ts';
import { callerOf, resourcesFor } from './conventions.ts';

const DAY_MS = 86_400_000;
const bucketsMax = 1_000;

/** `/audit_events` and `/usage`: what happened in the account. */
export function recordRoutes(app: FastifyInstance, context: ApiContext): void {
  const { database, config, now } = context;
  collectionRoutes(app, context, collections.auditEvents, {
    audited: null,
    shape: (resources, row: AuditEventRow) => resources.auditEvent(row),
    list: ({ queries, caller }, page) => listAuditEvents(queries, caller.accountId, page),
    listBy: {
      object_id: ({ queries, caller }, objectId, page) =>
        listAuditEvents(queries, caller.accountId, page, { objectId }),
      type: ({ queries, caller }, type, page) => listAuditEvents(queries, caller.accountId, page, { type }),
    },
    find: ({ queries, caller }, id) => findAuditEvent(queries, caller.accountId, id),
  });

  app.get('/usage', async (request) => {
    const query = readQuery(request, ['from', 'to', 'span', 'by']);
    const to = timeOf('to', query.get('to'), now());
    const from = timeOf('from', query.get('from'), new Date(to.getTime() - 30 * DAY_MS));
    const span = usageSpan.safeParse(query.get('span') ?? 'day');
    if (!span.success) throw new PorticoError(215, { field: 'span', reason: 'it is minute, hour or day' });
    const by = query.get('by') ?? '';
    if (by !== '' && by !== 'endpoint') throw new PorticoError(215, { field: 'by', reason: 'it is endpoint' });
    const rows = await usageBuckets(database.queries, callerOf(request).accountId, {
      from,
      to,
      span: span.data,
      byEndpoint: by === 'endpoint',
      limit: bucketsMax,
    });
    return {
      usage: rows.map(
        (row): UsageBucketResource => ({
          start: row.start.toISOString(),
          span: span.data,
          endpoint_id: row.endpointId,
          url: row.url,
          requests: row.requests,
          connections: row.connections,
          bytes_in: row.bytesIn,
          bytes_out: row.bytesOut,
          errors: row.errors,
        }),
      ),
      from: from.toISOString(),
      to: to.toISOString(),
      uri: resourcesFor(request, config.publicOrigin).uri('/usage'),
    };
  });
}

function timeOf(field: string, text: string | undefined, fallback: Date): Date {
  if (text === undefined || text === '') return fallback;
  const time = new Date(text);
  const year = time.getUTCFullYear();
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(year) || year < 2000 || year > 2200) {
    throw new PorticoError(215, { field, reason: 'it is not a time such as 2026-01-31T00:00:00Z' });
  }
  return time;
}
