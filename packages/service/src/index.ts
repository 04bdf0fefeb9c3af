export { addToBlockList, readCidrs } from './cidr.ts';
export { monotonicMs } from './clock.ts';
export {
  ConfigError,
  type Environment,
  type PortRange,
  readAddress,
  readBoolean,
  readChoice,
  readHostName,
  readInteger,
  readOptional,
  readPort,
  readPortRange,
  readText,
} from './environment.ts';
export { type IdPrefix, idTimeSeconds, isId, newId } from './id.ts';
export { handListeningSockets, readListeningSockets } from './listening-sockets.ts';
export { createLogger, type Logger, type LogLevel } from './logger.ts';
export { type ReadyMessage, runProcess, startFailure } from './process-life.ts';
export { readSignedText, type SigningKey, signText } from './signed-text.ts';
