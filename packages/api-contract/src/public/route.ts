import type { z } from 'zod';
import { type Collection, collections } from './collection.ts';
import { eventDeliveries, eventSource, eventSourceCreate, eventSourceList, eventSourceUpdate } from './events.ts';
import {
  capture,
  captureUpdate,
  exchangeMessages,
  exchangeReplay,
  exchangeReplayed,
  exchangeSearch,
} from './exchanges.ts';
import { policySurvey, policySurveyCreate, policyTrial, policyTrialCreate } from './policy-trials.ts';
import { usage, usageLimits } from './records.ts';

export type Verb = 'list' | 'get' | 'create' | 'update' | 'delete' | (string & {});

/** One route of the REST API. `{name}` in a path stands for one part of it. */
export interface PublicRoute {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly collection: string;
  readonly verb: Verb;
  readonly summary: string;
  readonly query: readonly QueryParameter[];
  readonly body: z.ZodType | null;
  readonly answer:
    | { readonly kind: 'one'; readonly status: 200 | 201; readonly schema: string }
    | { readonly kind: 'list'; readonly schema: string; readonly key: string }
    | { readonly kind: 'object'; readonly schema: z.ZodType }
    | { readonly kind: 'nothing' };
}

export interface QueryParameter {
  readonly name: string;
  readonly about: string;
  readonly type: 'string' | 'integer';
}

const pageQuery: readonly QueryParameter[] = [
  { name: 'limit', about: 'How many at most: 1 to 100, 100 when it is left out.', type: 'integer' },
  { name: 'before_id', about: 'Only what is older than this id: the last id of the page before.', type: 'string' },
  { name: 'filter', about: 'An expression over obj, such as obj.description.startsWith("ci").', type: 'string' },
];

/** Every route but the root, in the order of the document. */
export const publicRoutes: readonly PublicRoute[] = [
  ...Object.values(collections).flatMap((collection) => routesOf(collection)),
  actionOn(collections.tunnelSessions, 'stop', 'Tells the agent to end for good.'),
  actionOn(collections.tunnelSessions, 'restart', 'Tells the agent to connect anew.'),
  actionOn(collections.tunnelSessions, 'update', 'Tells the agent to fetch a newer version of itself.'),
  {
    ...actionOn(collections.personalAccessTokens, 'revoke', 'Ends it for good; it stays in the list.'),
    answer: { kind: 'one', status: 200, schema: collections.personalAccessTokens.schema },
  },
  {
    ...actionOn(collections.reservedDomains, 'check', 'Looks the name up in DNS now, and shows what it says.'),
    answer: { kind: 'one', status: 200, schema: collections.reservedDomains.schema },
  },
  {
    ...routeOf(collections.reservedDomains, 'delete-certificate', 'Detaches the certificate.'),
    method: 'DELETE',
    path: '/reserved_domains/{id}/certificate',
    answer: { kind: 'nothing' },
  },
  {
    ...routeOf(collections.reservedDomains, 'delete-certificate-management-policy', 'Ends automatic certificates.'),
    method: 'DELETE',
    path: '/reserved_domains/{id}/certificate_management_policy',
    answer: { kind: 'nothing' },
  },
  {
    ...routeOf(collections.vaults, 'list-secrets', 'Lists the secrets of a vault, newest first.'),
    method: 'GET',
    path: '/vaults/{id}/secrets',
    query: pageQuery,
    answer: { kind: 'list', schema: collections.vaultSecrets.schema, key: 'secrets' },
  },
  actionOn(collections.eventDestinations, 'send_test_event', 'Sends one event now, and says whether it arrived.'),
  actionOn(collections.eventDestinations, 'pause', 'Sends nothing until it is resumed; events wait.'),
  actionOn(collections.eventDestinations, 'resume', 'Goes on sending at once.'),
  actionOn(collections.eventDestinations, 'retry', 'Sends again what was given up.'),
  {
    ...routeOf(collections.eventDestinations, 'get-deliveries', 'Shows what waits and what was given up.'),
    path: '/event_destinations/{id}/deliveries',
    answer: { kind: 'object', schema: eventDeliveries },
  },
  source('POST', '', 'create-source', 'Adds a kind of event.', eventSourceCreate, eventSource),
  source('GET', '', 'list-sources', 'Lists the kinds of events.', null, eventSourceList),
  source('GET', '/{type}', 'get-source', 'Shows a kind of event.', null, eventSource),
  source('PATCH', '/{type}', 'update-source', 'Changes a kind of event.', eventSourceUpdate, eventSource),
  source('DELETE', '/{type}', 'delete-source', 'Removes a kind of event.', null, null),
  {
    ...actionOn(collections.exchanges, 'replay', 'Sends it again, changed or not, and says how it was answered.'),
    body: exchangeReplay,
    answer: { kind: 'object', schema: exchangeReplayed },
  },
  {
    ...routeOf(collections.exchanges, 'list-replays', 'Lists its repetitions, oldest first.'),
    path: '/exchanges/{id}/replays',
    answer: { kind: 'list', schema: collections.exchanges.schema, key: 'exchanges' },
  },
  {
    ...routeOf(collections.exchanges, 'search', 'Finds exchanges by words in path and headers, and by terms.'),
    path: '/exchanges/search',
    query: [
      {
        name: 'q',
        about: 'Such as: checkout status:5xx -method:GET duration:>200 header:user-agent=curl rule:deny since:15m',
        type: 'string',
      },
      { name: 'limit', about: 'How many at most: 1 to 100, 100 when it is left out.', type: 'integer' },
      { name: 'before_id', about: 'Only what is older than this id.', type: 'string' },
    ],
    answer: { kind: 'object', schema: exchangeSearch },
  },
  {
    ...routeOf(
      collections.exchanges,
      'list-messages',
      'Lists messages of its WebSocket or event stream, oldest first.',
    ),
    path: '/exchanges/{id}/messages',
    query: [{ name: 'after', about: 'Only those after this number: the last that is known.', type: 'integer' }],
    answer: { kind: 'object', schema: exchangeMessages },
  },
  {
    ...routeOf(collections.exchanges, 'get-capture', 'Shows what is kept of the traffic, and how long.'),
    path: '/capture',
    collection: 'capture',
    verb: 'get',
    answer: { kind: 'object', schema: capture },
  },
  {
    ...routeOf(collections.exchanges, 'update-capture', 'Changes what is kept; `off` removes what there is.'),
    method: 'PATCH',
    path: '/capture',
    collection: 'capture',
    verb: 'update',
    body: captureUpdate,
    answer: { kind: 'object', schema: capture },
  },
  {
    method: 'POST',
    path: '/policy_trials',
    collection: 'policy_trials',
    verb: 'create',
    summary: 'Says which rules of a traffic policy would fire for a request, and why. Nothing is sent.',
    query: [],
    body: policyTrialCreate,
    answer: { kind: 'object', schema: policyTrial },
  },
  {
    method: 'POST',
    path: '/policy_surveys',
    collection: 'policy_surveys',
    verb: 'create',
    summary: 'Says what a traffic policy would have done to the newest recorded exchanges.',
    query: [],
    body: policySurveyCreate,
    answer: { kind: 'object', schema: policySurvey },
  },
  {
    method: 'GET',
    path: '/usage',
    collection: 'usage',
    verb: 'get',
    summary: 'Requests, connections and bytes by minute, hour or day, newest first.',
    query: [
      { name: 'from', about: 'RFC 3339; 30 days ago when it is left out.', type: 'string' },
      { name: 'to', about: 'RFC 3339; now when it is left out.', type: 'string' },
      { name: 'span', about: 'minute, hour or day; day when it is left out.', type: 'string' },
      { name: 'by', about: 'endpoint: each endpoint by itself.', type: 'string' },
    ],
    body: null,
    answer: { kind: 'object', schema: usage },
  },
  {
    method: 'GET',
    path: '/usage/limits',
    collection: 'usage',
    verb: 'limits',
    summary: 'What the plan of the account allows, and how much of it is used.',
    query: [],
    body: null,
    answer: { kind: 'object', schema: usageLimits },
  },
];

/** List, get, and what else the collection allows. */
export function routesOf(collection: Collection): PublicRoute[] {
  const { path, noun, key, schema, create, update, removable } = collection;
  const article = /^[aeiou]/i.test(noun) ? 'an' : 'a';
  const one = `${path}/{id}`;
  const routes: PublicRoute[] = [
    {
      ...routeOf(collection, 'list', `Lists them, newest first: ${collection.about}`),
      query: pageQuery,
      answer: { kind: 'list', schema, key },
    },
    { ...routeOf(collection, 'get', `Shows ${article} ${noun}.`), path: one },
  ];
  if (create !== null) {
    const answer = { kind: 'one', status: 201, schema } as const;
    routes.push({
      ...routeOf(collection, 'create', `Makes ${article} ${noun}.`),
      method: 'POST',
      body: create,
      answer,
    });
  }
  if (update !== null) {
    const summary = `Changes ${article} ${noun}; what is left out stays.`;
    routes.push({ ...routeOf(collection, 'update', summary), method: 'PATCH', path: one, body: update });
  }
  if (removable) {
    const answer = { kind: 'nothing' } as const;
    routes.push({
      ...routeOf(collection, 'delete', `Removes ${article} ${noun}.`),
      method: 'DELETE',
      path: one,
      answer,
    });
  }
  return routes;
}

function routeOf(collection: Collection, verb: Verb, summary: string): PublicRoute {
  return {
    method: 'GET',
    path: collection.path,
    collection: collection.path.slice(1),
    verb,
    summary,
    query: [],
    body: null,
    answer: { kind: 'one', status: 200, schema: collection.schema },
  };
}

function actionOn(collection: Collection, verb: Verb, summary: string): PublicRoute {
  const path = `${collection.path}/{id}/${verb}`;
  return { ...routeOf(collection, verb, summary), method: 'POST', path, answer: { kind: 'nothing' } };
}

function source(
  method: PublicRoute['method'],
  rest: string,
  verb: Verb,
  summary: string,
  body: z.ZodType | null,
  schema: z.ZodType | null,
): PublicRoute {
  return {
    ...routeOf(collections.eventSubscriptions, verb, summary),
    method,
    path: `/event_subscriptions/{id}/sources${rest}`,
    body,
    answer: schema === null ? { kind: 'nothing' } : { kind: 'object', schema },
  };
}
