import type { ErrorCode, ErrorDetails } from '@portico/errors';
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { JwsAlgorithm, JwtSource } from '../actions/jwt-validation.ts';
import { fromPlain } from '../expressions/values.ts';
import { fieldValues, firstFieldValue } from '../variables/header-fields.ts';
import { parseQuery } from '../variables/request-url.ts';

/** What `jwt-validation` is told, its templates filled in. */
export interface JwtRules {
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly algorithms: readonly JwsAlgorithm[];
  readonly jwksUrls: readonly string[];
  readonly tokens: readonly JwtPlace[];
}

/** Where one token is. */
export interface JwtPlace extends Pick<JwtSource, 'type' | 'method'> {
  readonly name: string;
  readonly prefix: string;
}

export interface JwtRequest {
  readonly method: string;
  readonly fields: readonly string[];
  /** Null when it was not read: only asked for when a token is in the body. */
  readonly body: Uint8Array | null;
}

/** Finds the key for a token among those at one address; the caller fetches and caches them. */
export type JwksResolver = (url: string) => JWTVerifyGetKey;

export type JwtVerdict =
  | { readonly kind: 'valid'; readonly tokens: readonly JwtResult[] }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly details: ErrorDetails;
      readonly tokens: readonly JwtResult[];
    };

/** As `actions.ngrok.jwt_validation.tokens[i]` shows it. */
export type JwtResult = ReadonlyMap<
  'header' | 'payload' | 'location' | 'location_property' | 'signature' | 'verified',
  unknown
>;

/** Longer ones are refused before anything is decoded. */
const TOKEN_CHARACTERS_MAX = 16_384;

/**
 * Checks every token that a policy asks for: all have to be there (3401 and its kin when one is not), signed by an
 * allowed algorithm with a key of one of the addresses, from an allowed issuer, for an allowed audience, and in time
 * (3403). 3422 when no address gave keys.
 */
export async function verifyTokens(
  rules: JwtRules,
  request: JwtRequest,
  jwks: JwksResolver,
  now: Date,
): Promise<JwtVerdict> {
  const results: JwtResult[] = [];
  for (const place of rules.tokens) {
    const found = findToken(place, request);
    if (typeof found !== 'string') return { kind: 'refused', ...found, tokens: results };
    const checked = await verifyToken(found, place, rules, jwks, now);
    results.push(checked.result);
    if (checked.problem !== null) return { kind: 'refused', ...checked.problem, tokens: results };
  }
  return { kind: 'valid', tokens: results };
}

interface Problem {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}

function findToken(place: JwtPlace, request: JwtRequest): string | Problem {
  const text = place.method === 'header' ? headerText(place, request) : bodyText(place, request);
  if (typeof text !== 'string') return text;
  const { prefix } = place;
  if (prefix === '') return text.trim();
  if (text.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) {
    return { code: 3413, details: { name: place.name, prefix: prefix.trim() } };
  }
  return text.slice(prefix.length).trim();
}

function headerText(place: JwtPlace, request: JwtRequest): string | Problem {
  const values = fieldValues(request.fields, place.name.toLowerCase());
  const [first] = values;
  return first === undefined || values.length > 1 ? { code: 3408, details: { name: place.name } } : first;
}

function bodyText(place: JwtPlace, request: JwtRequest): string | Problem {
  if (!['POST', 'PUT', 'PATCH'].includes(request.method)) return { code: 3415, details: { method: request.method } };
  const missing: Problem = { code: 3406, details: { location: `the body, as ${place.name}` } };
  if (request.body === null) return missing;
  const type = (firstFieldValue(request.fields, 'content-type') ?? '').toLowerCase();
  const text = Buffer.from(request.body).toString('utf8');
  if (type.startsWith('application/x-www-form-urlencoded')) {
    for (const [name, [value]] of parseQuery(text)) {
      if (name.toLowerCase() === place.name.toLowerCase() && value !== undefined) return value;
    }
    return missing;
  }
  if (!/^application\/(?:[\w.+-]+\+)?json\b/.test(type)) return missing;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: 3411, details: {} };
  }
  if (typeof value !== 'object' || value === null) return missing;
  const entry = Object.entries(value).find(([name]) => name.toLowerCase() === place.name.toLowerCase());
  const token: unknown = entry?.[1];
  return typeof token === 'string' ? token : missing;
}

async function verifyToken(
  token: string,
  place: JwtPlace,
  rules: JwtRules,
  jwks: JwksResolver,
  now: Date,
): Promise<{ readonly result: JwtResult; readonly problem: Problem | null }> {
  const show = (verified: boolean, header: object, payload: JWTPayload): JwtResult =>
    new Map<'header' | 'payload' | 'location' | 'location_property' | 'signature' | 'verified', unknown>([
      ['header', fromPlain(header)],
      ['payload', fromPlain(payload)],
      ['location', place.method],
      ['location_property', place.name],
      ['signature', token.split('.')[2] ?? ''],
      ['verified', verified],
    ]);
  const refuse = (code: ErrorCode, details: ErrorDetails): { result: JwtResult; problem: Problem } => ({
    result: show(false, {}, {}),
    problem: { code, details },
  });
  if (token.length > TOKEN_CHARACTERS_MAX) return refuse(3416, { reason: 'it is too long' });
  try {
    decodeProtectedHeader(token);
  } catch {
    return refuse(3416, { reason: 'it is not a signed JWT' });
  }
  let refused: Problem | null = null;
  let unavailable: Problem | null = null;
  for (const url of rules.jwksUrls) {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, jwks(url), {
        algorithms: [...rules.algorithms],
        issuer: [...rules.issuers],
        ...(rules.audiences.length > 0 ? { audience: [...rules.audiences] } : {}),
        ...(place.type === 'at+jwt' ? { typ: 'at+jwt' } : {}),
        currentDate: now,
        clockTolerance: 5,
      });
      return { result: show(true, protectedHeader, payload), problem: null };
    } catch (error) {
      const found = problemOf(error, url);
      // Another address may have the key; anything else about the token is final.
      if (found.final) return refuse(found.code, found.details);
      if (found.code === 3422) unavailable ??= found;
      else refused ??= found;
    }
  }
  // An address that answered decides; only when none did the fault is theirs and not the token's.
  const problem = refused ?? unavailable ?? { code: 3403, details: { reason: 'no key verifies its signature' } };
  return refuse(problem.code, problem.details);
}

function problemOf(error: unknown, url: string): Problem & { readonly final: boolean } {
  if (error instanceof errors.JWTExpired) return refusal('it has expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const reason =
      error.reason === 'missing' ? `the claim ${error.claim} is missing` : `the claim ${error.claim} is not accepted`;
    return refusal(reason);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return refusal('its algorithm is not allowed');
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return { code: 3416, details: { reason: 'it is malformed' }, final: true };
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed) {
    return { ...refusal('no key verifies its signature'), final: false };
  }
  if (error instanceof errors.JWKSMultipleMatchingKeys) return { ...refusal('several keys match it'), final: false };
  if (error instanceof errors.JOSENotSupported) return refusal('its algorithm is not supported');
  const reason = error instanceof Error ? error.message.slice(0, 200) : 'unknown reason';
  return { code: 3422, details: { url, reason }, final: false };
}

function refusal(reason: string): Problem & { readonly final: boolean } {
  return { code: 3403, details: { reason }, final: true };
}
