import type { RequestHead, ResponseHead } from '@portico/http1';

/**
 * Whether both sides agreed to switch protocols (RFC 9110 section 7.8): the request asked with Connection, without a
 * body, for one protocol other than h2c (reliability rows 52 and 53, decided in `RequestHead.upgrade`), and 101 names
 * that protocol, with Connection too.
 */
export function upgradeAgreed(request: RequestHead, response: ResponseHead): boolean {
  return response.status === 101 && request.upgrade !== null && response.upgrade === request.upgrade;
}
