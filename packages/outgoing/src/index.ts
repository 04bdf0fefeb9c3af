export { AddressGuard } from './address-guard.ts';
export {
  createOutgoingFetch,
  Outgoing,
  type OutgoingAnswer,
  type OutgoingInit,
  type OutgoingOptions,
  type OutgoingRequest,
  type Resolver,
} from './outgoing.ts';
export { OutgoingError, type OutgoingFailure } from './outgoing-error.ts';
