import { internalPaths, type VisitorsResponse, visitorsRequest } from '@portico/api-contract/internal';
import { databaseFault, endedAppSessions, noteAppSession, tellRecordsChanged } from '@portico/db';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { readBody } from '../../plugins/json-input.ts';

/** Visitors who signed in at endpoints, as edges tell of them; which of their sessions are over, as edges ask. */
export function visitorRoutes(app: FastifyInstance, { database, log, now }: ApiContext): void {
  app.post(internalPaths.visitors, async (request): Promise<VisitorsResponse> => {
    const { sessions } = readBody(request, visitorsRequest);
    const accountIds = new Set(sessions.map(({ accountId }) => accountId));
    for (const { accountId, provider, subject, username, email, name, ...session } of sessions) {
      const visitor = { provider, subject, username, email, name };
      const times = {
        startedAt: new Date(session.startedAt),
        lastActiveAt: new Date(session.lastActiveAt),
        expiresAt: new Date(session.expiresAt),
      };
      try {
        await database.transaction((tx) =>
          noteAppSession(tx, accountId, {
            visitor,
            session: { ...session, place: session.place ?? null, ...times },
            newUserId: newId('appusr', now().getTime()),
          }),
        );
      } catch (error) {
        // An account that is gone meanwhile, or two edges that tell of one person at once: the next report is right.
        const fault = databaseFault(error);
        if (fault !== 'referenced' && fault !== 'conflict') throw error;
        log.debug({ err: error }, 'a visitor was not noted');
      }
    }
    for (const accountId of accountIds) {
      await tellRecordsChanged(database.queries, { accountId, collections: ['app'], userId: null });
    }
    return { ended: [...(await endedAppSessions(database.queries, now()))] };
  });
}
