import { describe, expect, it } from 'vitest';
import { checkDatabase } from './check-database.ts';
import { createTestDatabase } from './test-database.ts';

describe('checkDatabase', () => {
  it('accepts a database that answers', async () => {
    const database = await createTestDatabase();
    await checkDatabase(database.url);
    await database.drop();
  });

  it('names a server that is not there, without the password', async () => {
    const attempt = checkDatabase('postgresql://u:hunter2@127.0.0.1:1/shop', { patienceMs: 0 });
    await expect(attempt).rejects.toThrow('DATABASE_URL names 127.0.0.1:1/shop, which does not let us in');
    await expect(attempt).rejects.not.toThrow('hunter2');
  });

  it('does not wait for a database that does not exist', async () => {
    const database = await createTestDatabase();
    const url = new URL(database.url);
    url.pathname = '/no_such_database';
    await expect(checkDatabase(url.toString(), { patienceMs: 60_000 })).rejects.toThrow('no_such_database');
    await database.drop();
  });
});
