import { collectBuffersYoung } from '@portico/muxado';
import { createLogger, runProcess } from '@portico/service';
import { readConfig } from './config.ts';
import { startEdge } from './edge.ts';

collectBuffersYoung();
const log = createLogger({ name: 'edge' });

await runProcess(log, async () => {
  const edge = await startEdge(readConfig(process.env));
  await edge.whenConnected();
  return {
    ports: { http: edge.httpPort, https: edge.httpsPort, connect: edge.connectPort },
    close: () => edge.drain(),
  };
});
