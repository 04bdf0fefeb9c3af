import {
  type CertificateResponse,
  type CertificateVersionsResponse,
  type ChallengeResponse,
  certificateRequest,
  certificateVersionsRequest,
  challengeRequest,
  internalPaths,
} from '@portico/api-contract/internal';
import { challengeAnswers } from '@portico/db';
import { PorticoError } from '@portico/errors';
import { SealError, sealToBox } from '@portico/pki';
import acme from 'acme-client';
import type { FastifyInstance } from 'fastify';
import type { EdgeCertificates } from '../../certificates/edge-certificates.ts';
import type { ApiContext } from '../../context.ts';
import { readBody } from '../../plugins/json-input.ts';

/** Certificates for edges, and what they answer to a certificate authority. The credential has been checked. */
export function certificateRoutes(
  app: FastifyInstance,
  { database, now }: ApiContext,
  certificates: EdgeCertificates,
): void {
  app.post(internalPaths.certificate, async (request): Promise<CertificateResponse> => {
    const { name, boxKey } = readBody(request, certificateRequest);
    const found = await certificates.find(name);
    if (found === null) return { kind: 'none' };
    const { version, chainPem, privateKeyPem } = found;
    try {
      const sealedKey = sealToBox(boxKey, privateKeyPem, `certificate ${name}`).toString('base64');
      return { kind: 'found', version, chainPem, sealedKey };
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      throw new PorticoError(215, { field: 'boxKey', reason: error.message }, { cause: error });
    }
  });

  app.post(internalPaths.certificateVersions, async (request): Promise<CertificateVersionsResponse> => {
    const { names } = readBody(request, certificateVersionsRequest);
    return { changed: await certificates.changed(names) };
  });

  app.post(internalPaths.challenge, async (request): Promise<ChallengeResponse> => {
    const { kind, host, token } = readBody(request, challengeRequest);
    const [answer] = await challengeAnswers(database.queries, { kind, host, id: token }, now());
    if (answer === undefined) return { answer: null };
    return { answer: kind === 'http-01' ? answer : await alpnCertificate(host, answer) };
  });
}

/** RFC 8737: a certificate of its own making that carries the digest; of worth to nobody but the authority. */
async function alpnCertificate(host: string, keyAuthorization: string): Promise<string> {
  const identifier = { type: 'dns', value: host };
  const authorization = { identifier, status: 'pending', challenges: [], url: '' } as const;
  const [key, certificate] = await acme.crypto.createAlpnCertificate(
    { ...authorization, challenges: [] },
    keyAuthorization,
  );
  return `${certificate.toString().trim()}\n${key.toString()}`;
}
