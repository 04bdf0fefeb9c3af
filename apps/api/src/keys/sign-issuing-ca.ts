import { X509Certificate } from 'node:crypto';
import type { IssuingRequest, IssuingResponse } from '@portico/api-contract/internal';
import { PorticoError } from '@portico/errors';
import { createIssuingCa, PkiError, verifyPossession } from '@portico/pki';
import type { ApiContext } from '../context.ts';
import { NotReadyError } from '../plugins/failure.ts';

const DAYS = 365;

/**
 * Signs the issuing CA of an edge over the key that the edge made. Such a CA can issue for the base domain and what
 * lies under it, loopback and this installation's own names, and for nothing else in the world. 215 not a key,
 * or not one that the sender holds.
 */
export async function signIssuingCa(
  { config, keys, now }: Pick<ApiContext, 'config' | 'keys' | 'now'>,
  { nodeId, publicKeyPem, proof }: IssuingRequest,
): Promise<IssuingResponse> {
  const { root } = keys;
  if (root === null) throw new NotReadyError('the root CA is not loaded yet');
  try {
    if (!verifyPossession(publicKeyPem, nodeId, proof)) throw new PkiError('The proof is not of this key and node.');
    const chainPem = await createIssuingCa({
      root,
      publicKeyPem,
      now: now(),
      days: DAYS,
      name: `Portico edge ${nodeId}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 64),
      permittedDns: [...new Set([config.baseDomain, 'localhost', ...config.certificateNames.dns])],
      permittedIps: [...new Set(['127.0.0.0/8', '::1', ...config.certificateNames.ips])],
    });
    return {
      chainPem,
      rootPem: root.certificatePem,
      notAfter: new X509Certificate(chainPem).validToDate.toISOString(),
    };
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw new PorticoError(215, { field: 'publicKeyPem', reason: error.message }, { cause: error });
  }
}
