import { startPostgres } from '../postgres-server.ts';

// A process that starts the database of a directory, says so on one line, and stays until it is killed or told to stop.
const [dataDir = ''] = process.argv.slice(2);
try {
  const server = await startPostgres({
    dataDir,
    port: 0,
    settings: { fsync: 'off' },
    log: { info: () => {}, warn: () => {} },
  });
  console.log(JSON.stringify({ pid: server.pid, url: server.url, attached: server.attached }));
  process.stdin.once('data', async () => {
    await server.stop();
    process.exit(0);
  });
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  process.exit(1);
}
