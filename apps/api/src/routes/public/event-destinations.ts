import { randomBytes } from 'node:crypto';
import {
  collections,
  type EventDeliveriesResource,
  type EventTarget,
  eventTarget,
  secretTargetFields,
} from '@portico/api-contract/public';
import {
  countDeliveries,
  createEventDestination,
  deadEvents,
  deleteEventDestination,
  type EventDestinationRow,
  findEventDestination,
  listEventDestinations,
  pauseDestination,
  type Queries,
  reviveDead,
  updateEventDestination,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import { envelopeOf } from '../../deliveries/envelope.ts';
import { isFileName } from '../../deliveries/file-sink.ts';
import { DeliveryError } from '../../deliveries/sink.ts';
import { parsePlace } from '../../deliveries/syslog-sink.ts';
import { actorOf, type Call, changeWith, collectionRoutes, idOf } from './collection-routes.ts';
import { callerOf, notFound, resourcesFor, sendDone } from './conventions.ts';

type ById = { Params: { id: string } };

const { noun, path } = collections.eventDestinations;
const testWaitMs = 12_000;
const shownMax = 100;

/** `/event_destinations`: where events go, how sending goes, and what was given up. */
export function eventDestinationRoutes(app: FastifyInstance, context: ApiContext): void {
  const { seals, config, database, eventSinks, now } = context;
  const opened = (row: EventDestinationRow) =>
    eventTarget.parse(JSON.parse(seals.open('event_destination', row.id, row.sealedTarget)));
  const sealed = (id: string, target: EventTarget) => seals.seal('event_destination', id, JSON.stringify(target));

  collectionRoutes(app, context, collections.eventDestinations, {
    audited: 'event_destination',
    shape: (resources, row: EventDestinationRow) => resources.eventDestination(row, withoutSecrets(opened(row))),
    list: ({ queries, caller }, page) => listEventDestinations(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findEventDestination(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, body) => {
      checkTarget(body.target);
      const { target, secret } = withSigningSecret(body.target);
      const id = newId('ed', at.getTime());
      const row = await createEventDestination(queries, caller.accountId, {
        id,
        format: body.format ?? 'json',
        sealedTarget: sealed(id, target),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        createdAt: at,
      });
      if (secret === null) return { row };
      // Made here, so this answer is the only place where its owner can read it.
      const shown = withoutSecrets(target);
      const webhook = { ...z.record(z.string(), z.json()).parse(shown.webhook), signing_secret: secret };
      return { row, once: { target: { ...shown, webhook } } };
    },
    update: async ({ queries, caller }, id, { format, target, description, metadata }) => {
      const before = await findEventDestination(queries, caller.accountId, id);
      if (before === null) return null;
      if (target) checkTarget(target);
      return updateEventDestination(queries, caller.accountId, id, {
        format: format ?? undefined,
        sealedTarget: target ? sealed(id, withKeptSecrets(opened(before), target)) : undefined,
        description: description ?? undefined,
        metadata: metadata ?? undefined,
      });
    },
    remove: ({ queries, caller }, id) => deleteEventDestination(queries, caller.accountId, id),
    faults: { referenced: () => new PorticoError(5112) },
  });

  const own = async (queries: Queries, request: FastifyRequest, text: string) => {
    const id = idOf(text, noun);
    const row = await findEventDestination(queries, callerOf(request).accountId, id);
    if (row === null) throw notFound(noun, id);
    return row;
  };

  app.post<ById>(`${path}/:id/send_test_event`, async (request, reply) => {
    const row = await own(database.queries, request, request.params.id);
    const sink = eventSinks(row);
    const at = now();
    const event = { id: newId('ev', at.getTime()), accountId: row.accountId, type: 'test.v0', at, principal: null };
    try {
      const envelope = envelopeOf({ ...event, object: { message: 'This is a test event.' }, fields: [] });
      await sink.send([envelope], AbortSignal.timeout(testWaitMs));
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      throw new PorticoError(5113, { reason: error.message }, { cause: error });
    } finally {
      sink.close();
    }
    return sendDone(request, reply);
  });

  const setPaused = (request: FastifyRequest, text: string, isPaused: boolean) =>
    changeWith(
      context,
      request,
      async ({ queries, caller, at }: Call) => {
        const before = await own(queries, request, text);
        const after = await pauseDestination(queries, caller.accountId, before.id, isPaused ? at : null);
        if (after === null) throw notFound(noun, before.id);
        const resources = resourcesFor(request, config.publicOrigin);
        const shown = (row: EventDestinationRow) => resources.eventDestination(row, withoutSecrets(opened(row)));
        const change = { object: 'event_destination', what: 'updated', objectId: before.id } as const;
        const states = { before: shown(before), after: shown(after) };
        await recordChange(queries, actorOf(request), { ...change, ...states }, at);
      },
      { noun },
    );
  app.post<ById>(`${path}/:id/pause`, async (request, reply) => {
    await setPaused(request, request.params.id, true);
    return sendDone(request, reply);
  });
  app.post<ById>(`${path}/:id/resume`, async (request, reply) => {
    await setPaused(request, request.params.id, false);
    return sendDone(request, reply);
  });

  app.post<ById>(`${path}/:id/retry`, async (request, reply) => {
    const row = await own(database.queries, request, request.params.id);
    await reviveDead(database.queries, row.id, now());
    return sendDone(request, reply);
  });

  app.get<ById>(`${path}/:id/deliveries`, async (request): Promise<EventDeliveriesResource> => {
    const row = await own(database.queries, request, request.params.id);
    const [count] = await countDeliveries(database.queries, [row.id]);
    const dead = await deadEvents(database.queries, row.id, shownMax);
    return {
      pending: count?.pending ?? 0,
      given_up: count?.dead ?? 0,
      given_up_events: dead.map((event) => ({
        event_id: event.id,
        event_type: event.type,
        event_timestamp: event.at.toISOString(),
        attempts: event.attempts,
        error: event.error,
        given_up_at: event.diedAt.toISOString(),
      })),
      uri: resourcesFor(request, config.publicOrigin).uri(`${path}/${row.id}/deliveries`),
    };
  });
}

function checkTarget(target: EventTarget): void {
  const refused = (reason: string) => new PorticoError(215, { field: 'target', reason });
  const kinds = Object.values(target).filter((part) => part !== null && part !== undefined);
  if (kinds.length !== 1) throw refused('exactly one kind of target is wanted');
  const { file, syslog, webhook, otlp } = target;
  if (file && !isFileName(file.path)) {
    throw refused('the path of a file is a plain name, such as events.ndjson: the server chooses the folder');
  }
  if (syslog && parsePlace(syslog.address, syslog.tls === true) === null) {
    throw refused('the address of a syslog server is host:port');
  }
  for (const [name, value] of Object.entries(webhook?.headers ?? otlp?.headers ?? {})) {
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
      throw refused(`${JSON.stringify(name.slice(0, 40))} is not a header, or its value is not one`);
    }
  }
}

/** Webhooks are always signed: who gives no secret gets one. */
function withSigningSecret(target: EventTarget): { target: EventTarget; secret: string | null } {
  const { webhook } = target;
  if (!webhook || webhook.signing_secret) return { target, secret: null };
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  return { target: { ...target, webhook: { ...webhook, signing_secret: secret } }, secret };
}

/** Where secrets of a target go: they stay there, and are never sent to another place on the word of an update. */
const placeFields = ['url', 'endpoint', 'address', 'logs_ingestion_uri', 'ddsite', 'stream_arn', 'log_group_arn'];

type Part = Record<string, unknown>;

/**
 * A target as it is shown has "" for each secret: sent back so, or left out, the secret that is kept stays. When the
 * target goes elsewhere the secrets must be given again.
 */
function withKeptSecrets(before: EventTarget, after: EventTarget): EventTarget {
  const [kind] = Object.entries(after).find(([, part]) => part !== null && part !== undefined) ?? [''];
  const old: unknown = Reflect.get(before, kind);
  const wanted: unknown = Reflect.get(after, kind);
  if (!isPart(old) || !isPart(wanted)) return withSigningSecret(after).target;
  const merged = mergePart(old, wanted);
  const moved = placeFields.some((name) => old[name] !== wanted[name]);
  if (moved && JSON.stringify(merged) !== JSON.stringify(wanted)) {
    throw new PorticoError(215, { field: 'target', reason: 'it goes elsewhere now, so give its secrets again' });
  }
  return eventTarget.parse({ [kind]: merged });
}

function mergePart(old: Part, wanted: Part): Part {
  const merged: Part = { ...wanted };
  for (const [name, value] of Object.entries(old)) {
    const next = wanted[name];
    if (name === 'headers' && isPart(value) && isPart(next)) {
      merged[name] = Object.fromEntries(
        Object.entries(next).map(([field, text]) => [field, text === '' ? (value[field] ?? '') : text]),
      );
    } else if (secretTargetFields.has(name) && typeof value === 'string' && (next === '' || next === undefined)) {
      merged[name] = value;
    } else if (isPart(value) && isPart(next)) {
      merged[name] = mergePart(value, next);
    }
  }
  return merged;
}

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const shown = z.record(z.string(), z.json());

/** All kinds of target, those that are not used as null; a secret is "". */
function withoutSecrets(target: EventTarget): z.infer<typeof shown> {
  const text = JSON.stringify(target, (name, value: unknown) => {
    if (name === 'headers' && typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.keys(value).map((field) => [field, '']));
    }
    return secretTargetFields.has(name) && typeof value === 'string' ? '' : value;
  });
  const unused = Object.fromEntries(Object.keys(eventTarget.shape).map((name) => [name, null]));
  return { ...unused, ...shown.parse(JSON.parse(text)) };
}
