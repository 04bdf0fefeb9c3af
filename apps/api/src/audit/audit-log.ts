import type { AuditedObject } from '@portico/api-contract/public';
import { addAuditEvent, type NewAuditEvent, type Queries, queueEvents, tellRecordsChanged } from '@portico/db';
import { newId } from '@portico/service';
import { z } from 'zod';
import { listsWith } from '../live/record-news.ts';

/** Who makes a change, and with what. */
export interface Actor {
  readonly accountId: string;
  /** `usr_…` or `service_…`; null: a key that nobody owns. */
  readonly actorId: string | null;
  readonly credentialId: string;
  readonly address: string;
  readonly requestId: string;
}

export interface AuditedChange {
  readonly object: AuditedObject;
  /** `failed` is of sign-ins only. */
  readonly what: 'created' | 'updated' | 'deleted' | 'failed';
  readonly objectId: string;
  /** As the REST API shows the object; what it does not show does not get into the log either. */
  readonly before: unknown;
  readonly after: unknown;
}

const shown = z.record(z.string(), z.json());

/**
 * The one place that writes the log of changes, queues them for the destinations that want them, and tells open pages
 * which lists are others now. Call it in the transaction that makes the change: none is ever there without the others.
 */
export async function recordChange(tx: Queries, actor: Actor, change: AuditedChange, at: Date): Promise<void> {
  const event: NewAuditEvent = {
    id: newId('ev', at.getTime()),
    at,
    type: `${change.object}_${change.what}.v0`,
    actorId: actor.actorId,
    credentialId: actor.credentialId,
    address: actor.address,
    requestId: actor.requestId,
    objectId: change.objectId,
    before: asShown(change.before),
    after: asShown(change.after),
  };
  await addAuditEvent(tx, actor.accountId, event);
  await queueEvents(
    tx,
    [{ ...event, accountId: actor.accountId, object: eventObject(event), principal: principalOf(actor) }],
    at,
  );
  const { accountId, actorId: userId } = actor;
  await tellRecordsChanged(tx, { accountId, collections: listsWith(change.object), userId });
}

/** The resource as it is now; as it was when it is gone. */
function eventObject({ objectId, before, after }: NewAuditEvent): NonNullable<NewAuditEvent['before']> {
  return after ?? before ?? { id: objectId };
}

function principalOf({ actorId, credentialId }: Actor): NonNullable<NewAuditEvent['before']> {
  const isKey = /^(ak|pt)_/.test(credentialId);
  const principal = { id: actorId ?? credentialId, subject: actorId ?? credentialId };
  return { ...principal, source: isKey ? 'API' : 'Dashboard', ...(isKey ? { credential: { id: credentialId } } : {}) };
}

function asShown(value: unknown): NewAuditEvent['before'] {
  if (value === null || value === undefined) return null;
  const { uri: _uri, token: _token, ...fields } = shown.parse(value);
  return fields;
}
