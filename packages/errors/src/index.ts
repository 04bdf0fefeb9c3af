export { catalogue, type ErrorCode, type ErrorEntry } from './catalogue.ts';
export {
  type ErrorDetails,
  errorName,
  isErrorCode,
  ownerText,
  PorticoError,
  shortened,
  visitorText,
} from './portico-error.ts';
