import { collections } from '@portico/api-contract/public';
import { findReservedAddr, listReservedAddrs, type ReservedAddrRow, updateReservedAddr } from '@portico/db';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { releaseAddr, reserveAddr } from '../../names/reserve-addr.ts';
import { collectionRoutes } from './collection-routes.ts';

/** `/reserved_addrs`: ports that an account keeps. */
export function reservedAddrRoutes(app: FastifyInstance, context: ApiContext): void {
  collectionRoutes(app, context, collections.reservedAddrs, {
    audited: 'tcp_address',
    shape: (resources, row: ReservedAddrRow) => resources.reservedAddr(row, context.config.tcp.host),
    list: ({ queries, caller }, page) => listReservedAddrs(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findReservedAddr(queries, caller.accountId, id),
    create: async ({ queries, caller }, { description, metadata }) => ({
      row: await reserveAddr(context, queries, caller.accountId, {
        description: description ?? '',
        metadata: metadata ?? '',
      }),
    }),
    update: ({ queries, caller }, id, { description, metadata }) =>
      updateReservedAddr(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
      }),
    remove: ({ queries, caller }, id) => releaseAddr(context, queries, caller.accountId, id),
  });
}
