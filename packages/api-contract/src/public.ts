/**
 * The public REST API: shapes of its resources as scripts and client libraries know them. Times are RFC 3339 in UTC,
 * a reference is `{id, uri}`, `description` holds at most 255 bytes and `metadata` 4,096.
 *
 * In what callers send, a field that is absent or null is left as it is; "" clears it. Unknown fields are refused.
 */
export * from './public/certificates.ts';
export * from './public/collection.ts';
export * from './public/common.ts';
export * from './public/events.ts';
export * from './public/exchanges.ts';
export * from './public/ip-policies.ts';
export * from './public/live.ts';
export * from './public/names.ts';
export * from './public/people.ts';
export * from './public/policy-trials.ts';
export * from './public/records.ts';
export * from './public/route.ts';
export * from './public/secrets.ts';
export * from './public/vaults.ts';
