import type { Sdk } from '../sdk-client.ts';
import { buildGoProgram, type GoProgram, goMissing, startGoAgent } from './go-client.ts';

const METHODS = { stop: 'StopAgent', restart: 'RestartAgent', update: 'UpdateAgent' } as const;

let program: GoProgram | null = null;

/** The official Go module, in a process of its own. */
export const goSdk: Sdk = {
  name: 'the Go SDK',
  missing: await goMissing(),
  prepare: async () => {
    program ??= await buildGoProgram();
  },
  dispose: () => program?.remove(),
  start: async (env, { metadata = '', handlesCommands = true } = {}) => {
    if (program === null) throw new Error('the program is not built');
    const agent = await startGoAgent(program, env, { metadata, handlesCommands });
    let count = 0;
    return {
      forward: async ({ binding, ...options }) => {
        count += 1;
        const name = String(count);
        const url = await agent.forward({
          ...options,
          name,
          ...(binding === undefined ? {} : { bindings: [binding] }),
        });
        return { url, ended: agent.next(`ended ${name}`).then(() => {}), close: () => agent.close(name) };
      },
      commanded: async (command) => {
        await agent.next(METHODS[command]);
      },
      stop: () => agent.stop(),
    };
  },
};
