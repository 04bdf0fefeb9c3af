import type { Sdk } from '../sdk-client.ts';
import { buildGoProgram, type GoProgram, goMissing, startGoAgent } from './go-client.ts';

const METHODS = { stop: 'StopAgent', restart: 'RestartAgent', update: 'UpdateAgent' } as const;

let program: GoProgram | null = null;

/** The official Go module, in a process of its own. */
export const goSdk: Sdk = {
  name: 'the Go SDK',
  clientType: 'ngrok-go',
  version: '2.1.1',
  missing: await goMissing(),
  prepare: async () => {
    program ??= await buildGoProgram();
  },
  dispose: () => program?.remove(),
  start: async (env, options = {}) => {
    if (program === null) throw new Error('the program is not built');
    const agent = await startGoAgent(program, env, options);
    let count = 0;
    return {
      forward: async ({ binding, proxyProto, ...rest }) => {
        count += 1;
        const name = String(count);
        const url = await agent.forward({
          ...rest,
          name,
          ...(proxyProto === undefined ? {} : { proxyProto: proxyProto === 1 ? 'v1' : 'v2' }),
          ...(binding === undefined ? {} : { bindings: [binding] }),
        });
        return { url, ended: agent.next(`ended ${name}`).then(() => {}), close: () => agent.close(name) };
      },
      commanded: async (command) => {
        await agent.next(METHODS[command]);
      },
      disconnected: async () => {
        await agent.next('disconnected');
      },
      stop: () => agent.stop(),
    };
  },
};
