/** One page of a list, newest first. `beforeId` is the last id of the page before; it need not exist any more. */
export interface PageRequest {
  readonly limit: number;
  readonly beforeId: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly hasMore: boolean;
}

/** What Prisma needs for it: one row more than asked tells whether there is a next page. */
export function pageArguments(page: PageRequest): {
  take: number;
  orderBy: { id: 'desc' };
} {
  return { take: page.limit + 1, orderBy: { id: 'desc' } };
}

export function beforeCursor(page: PageRequest): { id?: { lt: string } } {
  return page.beforeId === null ? {} : { id: { lt: page.beforeId } };
}

export function asPage<T>(rows: readonly T[], page: PageRequest): Page<T> {
  return { items: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}
