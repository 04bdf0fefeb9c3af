import { startDevEnv } from '@portico/dev-env';
import { it } from 'vitest';

it('starts', async () => {
  const env = await startDevEnv({ logLevel: 'info' });
  const agent = env.agent();
  console.log('started', env.http, env.https, Object.keys(agent));
  await env.close();
});
