export {
  EmbeddedRegistry,
  type EmbeddedRegistryLimits,
  type EmbeddedRegistryOptions,
  type FreshStart,
} from './embedded-registry.ts';
export { type FollowOptions, follow } from './follow.ts';
export {
  type CallOptions,
  type Compare,
  type KeyValue,
  type Lease,
  type LeaseEvent,
  type Listing,
  type Operation,
  type Registry,
  type RegistryEvent,
  type RegistryStatus,
  registryLimits,
  type Transaction,
  type TransactionResult,
  type WatchBatch,
  type WatchOptions,
} from './registry.ts';
export { RegistryError, type RegistryFault } from './registry-error.ts';
export { handleRegistryRequest, type RegistryAnswer, writeRegistryWatch } from './registry-server.ts';
export { RemoteRegistry, type RemoteRegistryOptions } from './remote-registry.ts';
export { REGISTRY_BODY_BYTES_MAX, REGISTRY_PATH } from './wire.ts';
