import { collections } from '@portico/api-contract/public';
import {
  type CertificateAuthorityRow,
  createCertificateAuthority,
  createTlsCertificate,
  deleteCertificateAuthority,
  deleteTlsCertificate,
  findCertificateAuthority,
  findTlsCertificate,
  listCertificateAuthorities,
  listTlsCertificates,
  type TlsCertificateRow,
  updateCertificateAuthority,
  updateTlsCertificate,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { checkAuthorityCertificates, checkServerCertificate, PkiError } from '@portico/pki';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { collectionRoutes } from './collection-routes.ts';

/** `/tls_certificates` and `/certificate_authorities`. Private keys are sealed before they are stored. */
export function certificateRoutes(app: FastifyInstance, context: ApiContext): void {
  const { seals } = context;
  collectionRoutes(app, context, collections.tlsCertificates, {
    audited: 'tls_certificate',
    shape: (resources, row: TlsCertificateRow) => resources.tlsCertificate(row),
    list: ({ queries, caller }, page) => listTlsCertificates(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findTlsCertificate(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, body) => {
      const certificatePem = checked('certificate_pem', () =>
        checkServerCertificate(body.certificate_pem, body.private_key_pem, at),
      );
      const id = newId('cert', at.getTime());
      const row = await createTlsCertificate(queries, caller.accountId, {
        id,
        certificatePem,
        sealedKey: seals.seal('tls_certificate', id, body.private_key_pem),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        createdAt: at,
      });
      return { row };
    },
    update: ({ queries, caller }, id, { description, metadata }) =>
      updateTlsCertificate(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
      }),
    remove: ({ queries, caller }, id) => deleteTlsCertificate(queries, caller.accountId, id),
    faults: { referenced: () => new PorticoError(409, { reason: 'A reserved domain still uses the certificate' }) },
  });

  collectionRoutes(app, context, collections.certificateAuthorities, {
    audited: 'certificate_authority',
    shape: (resources, row: CertificateAuthorityRow) => resources.certificateAuthority(row),
    list: ({ queries, caller }, page) => listCertificateAuthorities(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findCertificateAuthority(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, body) => ({
      row: await createCertificateAuthority(queries, caller.accountId, {
        id: newId('ca', at.getTime()),
        caPem: checked('ca_pem', () => checkAuthorityCertificates(body.ca_pem)),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        createdAt: at,
      }),
    }),
    update: ({ queries, caller }, id, { description, metadata }) =>
      updateCertificateAuthority(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
      }),
    remove: ({ queries, caller }, id) => deleteCertificateAuthority(queries, caller.accountId, id),
    changed: (_what, { accountId }: CertificateAuthorityRow) =>
      context.changes.publish({ kind: 'account-changed', accountId }),
  });
}

function checked(field: string, check: () => string): string {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw new PorticoError(215, { field, reason: error.message.replace(/\.$/, '') }, { cause: error });
  }
}
