import { PorticoError } from '@portico/errors';
import type { Action } from '../actions/catalogue.ts';
import type { RateLimitConfig } from '../actions/rate-limit.ts';
import type { RestrictIpsConfig } from '../actions/restrict-ips.ts';
import type { ValueTemplate } from '../actions/set-vars.ts';
import type { SseFindReplaceConfig } from '../actions/sse-find-replace.ts';
import type { PlainValue } from '../document/source-node.ts';
import { guarded } from '../expressions/expression.ts';
import type { PolicyScope } from '../expressions/scope.ts';
import { fromPlain, toPlain, valueToText } from '../expressions/values.ts';
import { firstFieldValue } from '../variables/header-fields.ts';
import { type Answer, emptyAnswer, errorAnswer, renderCustomResponse } from './answer.ts';
import { checkBasicAuth } from './basic-auth-check.ts';
import { ChangedRequest, ChangedResponse } from './changed-contexts.ts';
import { addFields, removeFields, renderHeaders } from './field-edits.ts';
import { IpRules } from './ip-rules.ts';
import type { RateLimitRule, RateLimitVerdict } from './rate-limiter.ts';
import { redirectUrl, regexFor, rewrittenTarget } from './rewrite-url.ts';

/** What follows from an action. */
export type Outcome =
  | { readonly kind: 'next' }
  /** The phase ends with this answer. */
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** The connection is closed without a word. */
  | { readonly kind: 'close' }
  /** Goes on; the metadata belongs into the event of this request. */
  | { readonly kind: 'log'; readonly metadata: PlainValue };

/** What actions need beyond the scope. */
export interface ActionTools {
  /** The CIDRs of an IP policy, or null when there is none by that id. */
  readonly ipPolicy: (id: string) => IpPolicyCidrs | null;
  /** Asks for one request in a bucket; `explain` gives one that does not count. */
  readonly takeFromBucket: (rule: RateLimitRule, key: string) => RateLimitVerdict;
}

export interface IpPolicyCidrs {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export type ImmediateAction = Extract<
  Action,
  {
    readonly type:
      | 'add-headers'
      | 'remove-headers'
      | 'basic-auth'
      | 'custom-response'
      | 'deny'
      | 'close-connection'
      | 'redirect'
      | 'url-rewrite'
      | 'restrict-ips'
      | 'rate-limit'
      | 'set-vars'
      | 'log'
      | 'sse-find-replace';
  }
>;

/** Actions that are done at once, with nothing but the scope: all others need the network, a body or a handshake. */
export function isImmediate(action: Action): action is ImmediateAction {
  return IMMEDIATE.has(action.type);
}

const IMMEDIATE: ReadonlySet<string> = new Set<ImmediateAction['type']>([
  'add-headers',
  'remove-headers',
  'basic-auth',
  'custom-response',
  'deny',
  'close-connection',
  'redirect',
  'url-rewrite',
  'restrict-ips',
  'rate-limit',
  'set-vars',
  'log',
  'sse-find-replace',
]);

/**
 * Does an action: changes `scope.request`, `scope.response` or `scope.message`, sets variables and its result, and tells what follows.
 *
 * @throws {PorticoError} 2238, 2249, 2253 or 2254 when an expression in it fails.
 */
export function performAction(action: ImmediateAction, scope: PolicyScope, tools: ActionTools): Outcome {
  switch (action.type) {
    case 'add-headers': {
      const added = renderHeaders(action.config.headers, action.type, scope);
      const { touched } = editFields(scope, (fields) => addFields(fields, added));
      const names = new Map<string, string>();
      for (let index = 0; index + 1 < touched.length; index += 2)
        names.set(touched[index] ?? '', touched[index + 1] ?? '');
      scope.setResult('add_headers', { headers_added: names });
      return NEXT;
    }
    case 'remove-headers': {
      const { touched } = editFields(scope, (fields) => removeFields(fields, action.config.headers));
      scope.setResult('remove_headers', { headers_removed: touched });
      return NEXT;
    }
    case 'basic-auth': {
      const credentials = action.config.credentials.map((template) => template.text(scope));
      const authorization = firstFieldValue(scope.request?.fields ?? [], 'authorization');
      const check = checkBasicAuth(authorization, credentials);
      scope.setResult('basic_auth', { credentials: check });
      if (check.authorized || !action.config.enforce) return NEXT;
      const realm = action.config.realm.replace(/["\\]/g, '\\$&');
      return answer(emptyAnswer(401, ['www-authenticate', `Basic realm="${realm}", charset="UTF-8"`]));
    }
    case 'custom-response':
      return answer(renderCustomResponse(action.config, scope));
    case 'deny':
      return scope.phase === 'on_tcp_connect' ? CLOSE : answer(emptyAnswer(action.config.statusCode));
    case 'close-connection':
      return CLOSE;
    case 'redirect': {
      const { request } = scope;
      const target = request === null ? null : redirectUrl(action.config, request, scope);
      if (target === null) return NEXT;
      scope.setResult('redirect', { ...target });
      const fields = renderHeaders(action.config.headers, action.type, scope);
      return answer(emptyAnswer(action.config.statusCode, ['location', target.url, ...fields]));
    }
    case 'url-rewrite': {
      const { request } = scope;
      const rewritten = request === null ? null : rewrittenTarget(action.config, request, scope);
      if (request === null || rewritten === null) return NEXT;
      const { url, matches, authority, target } = rewritten;
      const fields =
        authority === request.authority ? request.fields : addFields(request.fields, ['host', authority]).fields;
      scope.request = new ChangedRequest(request, { authority, target, fields });
      scope.setResult('url_rewrite', { url, matches });
      return NEXT;
    }
    case 'restrict-ips':
      return restrictIps(action.config, scope, tools);
    case 'rate-limit':
      return limitRate(action.config, scope, tools);
    case 'set-vars':
      for (const { name, value } of action.config.vars) {
        const where = `the variable ${name}`;
        guarded(scope, where, 2253, { field: name, action: action.type }, () =>
          scope.setVar(name, render(value, scope)),
        );
      }
      return NEXT;
    case 'log': {
      const metadata = guarded(scope, 'the metadata of log', 2253, { field: 'metadata', action: action.type }, () => {
        const rendered = render(action.config.metadata, scope);
        scope.setResult('log', { metadata: rendered });
        return toPlain(rendered);
      });
      return { kind: 'log', metadata };
    }
    case 'sse-find-replace':
      replaceInMessage(action.config, scope);
      return NEXT;
  }
}

const NEXT: Outcome = { kind: 'next' };
const CLOSE: Outcome = { kind: 'close' };

function answer(content: Answer): Outcome {
  return { kind: 'answer', answer: content };
}

/** What was replaced stays so, even when a later replacement fails. */
function replaceInMessage(config: SseFindReplaceConfig, scope: PolicyScope): void {
  const action = 'sse-find-replace';
  let replacements = 0;
  for (const { field, from, to } of config.replacements) {
    const { message } = scope;
    const text = message?.[field] ?? null;
    if (message === null || text === null) continue;
    const regex = regexFor(from, action, scope);
    const replacement = to.text(scope);
    const replaced = guarded(scope, `from of ${action}`, 2253, { field: 'from', action }, () =>
      regex.replaceAll(text, replacement, scope.budget),
    );
    if (replaced === text) continue;
    if (field === 'retry' && !/^\d{1,15}$/.test(replaced)) {
      throw new PorticoError(2253, { field: 'to', action, reason: 'retry would not be a number of milliseconds' });
    }
    scope.message = { ...message, [field]: replaced };
    replacements += 1;
  }
  scope.setResult('sse_find_replace', { replacements });
}

function editFields(
  scope: PolicyScope,
  edit: (fields: readonly string[]) => { readonly fields: readonly string[]; readonly touched: readonly string[] },
): { readonly touched: readonly string[] } {
  if (scope.phase === 'on_http_response') {
    const { response } = scope;
    if (response === null) return { touched: [] };
    const { fields, touched } = edit(response.fields);
    scope.response = new ChangedResponse(response, fields);
    return { touched };
  }
  const { request } = scope;
  if (request === null) return { touched: [] };
  const { fields, touched } = edit(request.fields);
  scope.request = new ChangedRequest(request, { fields });
  return { touched };
}

/**
 * Rules without templates are built once for each action and set of IP policies; the policies are compared by identity,
 * so whoever holds them gives the same object until one changes.
 */
const constantRules = new WeakMap<
  RestrictIpsConfig,
  { readonly policies: readonly (IpPolicyCidrs | null)[]; readonly rules: IpRules }
>();

function restrictIps(config: RestrictIpsConfig, scope: PolicyScope, tools: ActionTools): Outcome {
  const ip = scope.connection.clientIp;
  const { allowed, matchedCidr } = ipRulesFor(config, scope, tools).check(ip);
  scope.setResult('restrict_ips', { action: allowed ? 'allow' : 'deny', matched_cidr: matchedCidr });
  if (allowed || !config.enforce) return NEXT;
  return scope.phase === 'on_tcp_connect' ? CLOSE : answer(errorAnswer(403, 3203, { ip }));
}

function ipRulesFor(config: RestrictIpsConfig, scope: PolicyScope, tools: ActionTools): IpRules {
  const policies = config.ipPolicies.map((id) => tools.ipPolicy(id));
  const known = constantRules.get(config);
  if (known?.policies.every((policy, index) => policy === policies[index]) === true) return known.rules;
  const rules = new IpRules(
    [...config.allow.map((template) => template.text(scope)), ...policies.flatMap((policy) => policy?.allow ?? [])],
    [...config.deny.map((template) => template.text(scope)), ...policies.flatMap((policy) => policy?.deny ?? [])],
  );
  const isConstant = [...config.allow, ...config.deny].every((template) => template.constant !== null);
  if (isConstant) constantRules.set(config, { policies, rules });
  return rules;
}

function limitRate(config: RateLimitConfig, scope: PolicyScope, tools: ActionTools): Outcome {
  const key = config.bucketKey.map((expression) => valueToText(expression.value(scope))).join('\u0000');
  const rule = { family: `${scope.endpoint.id} ${config.name}`, capacity: config.capacity, windowMs: config.rateMs };
  const { limited, retryAfterSeconds } = tools.takeFromBucket(rule, key);
  scope.setResult('rate_limit', { bucket_key: key.replaceAll('\u0000', ','), limited });
  if (!limited || !config.enforce) return NEXT;
  return answer(emptyAnswer(429, ['retry-after', String(retryAfterSeconds)]));
}

/** A value of a document with its templates filled in, as expressions see it. */
function render(value: ValueTemplate, scope: PolicyScope): unknown {
  switch (value.kind) {
    case 'constant':
      return typeof value.value === 'number' && Number.isSafeInteger(value.value)
        ? BigInt(value.value)
        : fromPlain(value.value);
    case 'template':
      return value.template.value(scope);
    case 'list':
      return value.items.map((item) => render(item, scope));
    case 'map':
      return new Map(value.entries.map(([key, item]) => [key, render(item, scope)]));
  }
}
