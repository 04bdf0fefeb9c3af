import { type JwtPlace, type PolicyScope, verifyTokens } from '@portico/traffic-policy';
import type { ActionOf, AsyncAction, AsyncOutcome, AsyncTools } from '../async-action.ts';
import type { KeySets } from './key-sets.ts';
import { NEXT, NO_ERROR, refuse, resultError } from './refusal.ts';

const BODY_BYTES_MAX = 1_048_576;

/** `jwt-validation`: every token that the policy names has to be there and to hold. */
export class JwtValidationAction implements AsyncAction<'jwt-validation'> {
  readonly #keySets: KeySets;

  constructor({ keySets }: { keySets: KeySets }) {
    this.#keySets = keySets;
  }

  async run({ config }: ActionOf<'jwt-validation'>, scope: PolicyScope, tools: AsyncTools): Promise<AsyncOutcome> {
    const { request } = scope;
    if (request === null) return NEXT;
    const tokens: JwtPlace[] = config.tokens.map(({ type, method, name, prefix }) => ({
      type,
      method,
      name: name.text(scope),
      prefix: prefix?.text(scope) ?? '',
    }));
    const readsBody = tokens.some(({ method }) => method === 'body') && BODY_METHODS.has(request.method);
    const rules = {
      issuers: config.issuers.map((template) => template.text(scope)),
      audiences: config.audiences.map((template) => template.text(scope)),
      algorithms: config.algorithms,
      jwksUrls: config.jwksUrls.map((template) => template.text(scope)),
      tokens,
    };
    const body = readsBody ? await tools.body(BODY_BYTES_MAX) : null;
    const { method, fields } = request;
    const verdict = await verifyTokens(rules, { method, fields, body }, this.#keySets.resolver, scope.now());
    if (verdict.kind === 'valid') {
      scope.setResult('jwt_validation', { tokens: verdict.tokens, error: NO_ERROR });
      return NEXT;
    }
    const { code, details } = verdict;
    scope.setResult('jwt_validation', { tokens: verdict.tokens, error: resultError(code, details) });
    return refuse(code, details);
  }
}

const BODY_METHODS: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
