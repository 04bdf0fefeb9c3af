import { createTestDatabase, testServerUrl } from '../test-database.ts';
import setup from '../vitest-global-setup.ts';

// A test run that makes a database, says where, and is then killed by the test of the tests.
for (const name of ['PORTICO_TEST_POSTGRES_URL', 'PORTICO_TEST_POSTGRES_BROKER', 'PORTICO_TEST_POSTGRES_RUN']) {
  delete process.env[name];
}
const teardown = await setup();
await createTestDatabase();
console.log(JSON.stringify({ url: await testServerUrl(), broker: process.env.PORTICO_TEST_POSTGRES_BROKER }));
process.stdin.once('data', async () => {
  await teardown();
  process.exit(0);
});
