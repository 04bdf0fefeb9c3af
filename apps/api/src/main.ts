import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, runProcess } from '@portico/service';
import { startApi } from './api.ts';
import { readConfig } from './config.ts';

const checkout = join(import.meta.dirname, '../../..');
const { version }: { version: string } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));

await runProcess(createLogger({ name: 'api' }), async () => {
  const config = readConfig(process.env, checkout, version);
  const api = await startApi(config, { log: createLogger({ name: 'api', level: config.logLevel }) });
  return { ports: { api: api.publicPort, internal: api.internalPort }, close: api.close };
});
