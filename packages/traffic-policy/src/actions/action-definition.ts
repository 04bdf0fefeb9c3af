import type { ConfigReader } from '../document/config-reader.ts';
import type { EndpointProtocol, Phase } from '../document/phase.ts';

/** What the policy document knows about one type of action: where it may stand and what it is told. */
export interface ActionDefinition<Type extends string = string, Config = unknown> {
  readonly type: Type;
  readonly phases: readonly Phase[];
  /** Every protocol when absent. */
  readonly protocols?: readonly EndpointProtocol[];
  /** Only one of these may be in a policy (2239). */
  readonly authenticates?: boolean;
  /** Whether nothing after it in the phase is ever reached. */
  readonly ends: (config: Config) => boolean;
  /** Reads the `config` of an action; what is wrong with it is told to the reader. */
  readonly read: (config: ConfigReader) => Config;
}

/** Keeps the literal type of `type` and the type of the configuration. */
export function defineAction<const Type extends string, Config>(
  definition: ActionDefinition<Type, Config>,
): ActionDefinition<Type, Config> {
  return definition;
}

export const never = (): boolean => false;
export const always = (): boolean => true;
