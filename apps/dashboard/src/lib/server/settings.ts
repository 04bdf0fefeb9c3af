import { readFile } from 'node:fs/promises';

/** Where the API's internal listener is. A bad value is said once, at the first request, with what is accepted. */
export function internalUrl(): URL {
  const value = process.env.PORTICO_INTERNAL_URL ?? 'http://127.0.0.1:4011';
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new Error(
      `PORTICO_INTERNAL_URL is "${value}"; accepted is an http or https URL such as http://127.0.0.1:4011`,
    );
  return url;
}

const credentialKeptMs = 5000;
let kept: { value: string; readAtMs: number } | null = null;

/** This node's credential, read anew every 5 s so that a rotated file needs no restart. */
export async function nodeCredential(): Promise<string> {
  if (kept && performance.now() - kept.readAtMs < credentialKeptMs) return kept.value;
  const file = process.env.PORTICO_NODE_CREDENTIAL_FILE;
  if (!file)
    throw new Error('PORTICO_NODE_CREDENTIAL_FILE is not set; it names the file with the credential of this dashboard');
  const value = (await readFile(file, 'utf8')).trim();
  kept = { value, readAtMs: performance.now() };
  return value;
}
