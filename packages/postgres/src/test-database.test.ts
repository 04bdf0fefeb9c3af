import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createTestDatabase } from './test-database.ts';

describe('a test database', () => {
  it('is empty, belongs to one test, and is gone after drop', async () => {
    const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await query(one.url, 'CREATE TABLE thing (id int)');
    await expect(query(two.url, 'SELECT * FROM thing')).rejects.toThrow('does not exist');
    await Promise.all([one.drop(), two.drop()]);
    await expect(query(one.url, 'SELECT 1')).rejects.toThrow('does not exist');
  });

  it('is a copy of a template that is prepared once', async () => {
    let prepared = 0;
    const template = {
      key: `things ${Math.random()}`,
      prepare: async (url: string) => {
        prepared += 1;
        await query(url, 'CREATE TABLE thing (id int); INSERT INTO thing VALUES (7)');
      },
    };
    const copies = await Promise.all(Array.from({ length: 5 }, () => createTestDatabase({ template })));
    for (const { url } of copies) {
      expect(await query(url, 'SELECT id FROM thing')).toEqual([{ id: 7 }]);
    }
    expect(prepared).toBe(1);
    await Promise.all(copies.map((copy) => copy.drop()));
  });

  it('is made from a template whose preparation failed the first time', async () => {
    const key = `late ${Math.random()}`;
    await expect(
      createTestDatabase({
        template: {
          key,
          prepare: async (url) => {
            await query(url, 'CREATE TABLE half (id int)');
            throw new Error('migration failed');
          },
        },
      }),
    ).rejects.toThrow('migration failed');
    const copy = await createTestDatabase({
      template: { key, prepare: async (url) => void (await query(url, 'CREATE TABLE whole (id int)')) },
    });
    expect(await query(copy.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toEqual([
      { tablename: 'whole' },
    ]);
    await copy.drop();
  });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query(sql);
    return Array.isArray(result) ? [] : result.rows;
  } finally {
    await client.end();
  }
}
