import type { ConfigReader } from '../document/config-reader.ts';
import type { Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';
import { isHttpUrl } from './sign-in.ts';

export const JWS_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type JwsAlgorithm = (typeof JWS_ALGORITHMS)[number];

export interface JwtSource {
  readonly type: string;
  readonly method: 'header' | 'body';
  readonly name: Template;
  readonly prefix: Template | null;
}

export interface JwtValidationConfig {
  readonly issuers: readonly Template[];
  /** Empty: the audience is not looked at. */
  readonly audiences: readonly Template[];
  /** All of them must be in the request. */
  readonly tokens: readonly JwtSource[];
  readonly algorithms: readonly JwsAlgorithm[];
  readonly jwksUrls: readonly Template[];
}

export const jwtValidation = defineAction({
  type: 'jwt-validation',
  phases: ['on_http_request'],
  ends: never,
  read: (config): JwtValidationConfig => {
    const issuers = readAllowList(config.reader('issuer', true), 1);
    const audience = config.reader('audience');
    const audiences = readAllowList(audience, 0);
    const http = config.reader('http', true);
    const tokens = http.readers('tokens', { min: 1, max: 10 }).map(readToken);
    http.finish();
    const jws = config.reader('jws', true);
    const algorithms = jws.choiceList('allowed_algorithms', JWS_ALGORITHMS, 2222, {
      min: 1,
      max: JWS_ALGORITHMS.length,
    });
    const jwksUrls = jws.readers('keys', { min: 1, max: 10 }).flatMap(readKeys);
    jws.finish();
    return { issuers, audiences, tokens, algorithms, jwksUrls };
  },
});

function readAllowList(list: ConfigReader, min: number): readonly Template[] {
  const values = list.readers('allow_list', { min, max: 100 }).map((item) => {
    const value = item.requiredTemplate('value', { max: 2_048 });
    item.finish();
    return value;
  });
  list.finish();
  return values;
}

function readToken(token: ConfigReader): JwtSource {
  const source: JwtSource = {
    type: token.choice('type', ['id_token', 'access_token', 'at+jwt', 'it+jwt', 'plain', 'jwt'], null),
    method: token.choice('method', ['header', 'body'], null),
    name: token.requiredTemplate('name', { max: 256 }),
    prefix: token.template('prefix', { max: 256 }),
  };
  token.finish();
  return source;
}

/** `keys` is a map in some examples of the reference and a list in its table; both are read. */
function readKeys(keys: ConfigReader): readonly Template[] {
  keys.node('identification');
  const urls = keys.readers('sources', { min: 1, max: 10 }).flatMap((source) => {
    const jkus = source.templateList('additional_jkus', { min: 1, max: 10 });
    for (const { constant } of jkus) {
      if (constant !== null && !isHttpUrl(constant)) {
        source.problem(2226, 'additional_jkus', { accepted: 'a URL of a JWKS', actual: constant });
      }
    }
    source.finish();
    return jkus;
  });
  keys.finish();
  return urls;
}
