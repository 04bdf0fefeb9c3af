import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** The packages whose tests want a database: a Postgres is started for them, once a run. */
const withDatabase = ['packages/{db,postgres,dev-env}', 'apps/{api,edge}'].map(
  (folder) => `${folder}/src/**/*.test.ts`,
);
/** What another process is on its way to may take long on a busy machine; polls end as soon as it is there. */
const patient = { expect: { poll: { timeout: 10_000 } } };
const startPostgres = ['packages/postgres/src/vitest-global-setup.ts'];

export default defineConfig({
  test: {
    // Most files wait for processes and timers more than they compute; vitest's own choice on two cores is one worker.
    maxWorkers: Math.max(3, availableParallelism()),
    projects: [
      {
        test: {
          ...patient,
          name: 'unit',
          include: ['{apps,packages}/*/src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: [...withDatabase, '**/node_modules/**', 'bench/.cache/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...patient,
          name: 'database',
          include: withDatabase,
          globalSetup: startPostgres,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // What is waited for comes; how soon is the machine's business.
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        test: {
          ...patient,
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          globalSetup: startPostgres,
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
