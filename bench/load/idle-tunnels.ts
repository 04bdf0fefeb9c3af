/**
 * `node idle-tunnels.ts CONNECT_URL CA_FILE AUTHTOKEN COUNT`: opens so many agents with one endpoint each, prints
 * `open N`, and keeps them until it is stopped.
 */
import { readFileSync } from 'node:fs';
import { type Agent, connectAgent } from '../../packages/agent/src/index.ts';

const AT_ONCE = 20;

const [connectUrl = '', caFile = '', authtoken = '', count = '0'] = process.argv.slice(2);
const ca = [readFileSync(caFile, 'utf8')];
const agents: Agent[] = [];
let wanted = Number(count);
async function openSome(): Promise<void> {
  while (wanted > 0) {
    wanted -= 1;
    // Beats that are due during the measurement would only blur it.
    const heartbeat = { intervalMs: 600_000, toleranceMs: 60_000 };
    const agent = connectAgent({ connectUrl, ca, authtoken, heartbeat, remoteManagement: false });
    // Plain HTTP: a name's certificate is no part of a tunnel.
    await agent.listen({ proto: 'http', url: 'http://' }, () => {});
    agents.push(agent);
  }
}
try {
  await Promise.all(Array.from({ length: AT_ONCE }, openSome));
  process.stdout.write(`open ${agents.length}\n`);
} catch (error) {
  process.stdout.write(`failed after ${agents.length}: ${error instanceof Error ? error.message : String(error)}\n`);
}
process.on('SIGTERM', () => process.exit(0));
setInterval(() => {}, 60_000);
