import { catalogue, type ErrorCode, type ErrorEntry } from './catalogue.ts';

export type ErrorDetails = Readonly<Record<string, string | number>>;

/** A failure that somebody will read: a code of the catalogue and what fills its text. */
export class PorticoError extends Error {
  override readonly name = 'PorticoError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(ownerText(code, details), options);
    this.code = code;
    this.details = details;
  }

  get entry(): ErrorEntry {
    return catalogue[this.code];
  }

  get status(): number {
    return catalogue[this.code].status;
  }
}

/** `ERR_NGROK_334`, as scripts match on it. */
export function errorName(code: ErrorCode): string {
  return `ERR_NGROK_${code}`;
}

/** The text for the owner with every `{name}` filled in; an unknown name stays as it is. */
export function ownerText(code: ErrorCode, details: ErrorDetails = {}): string {
  return fill(catalogue[code].owner, details);
}

/** The text for anyone, likewise. */
export function visitorText(code: ErrorCode, details: ErrorDetails = {}): string {
  return fill(catalogue[code].visitor, details);
}

export function isErrorCode(code: number): code is ErrorCode {
  return Object.hasOwn(catalogue, code);
}

/** A secret as it may be shown and logged: its first characters, enough to recognise it. */
export function shortened(secret: string): string {
  return secret.length <= 8 ? '…' : `${secret.slice(0, 7)}…`;
}

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(details, name) ? String(details[name]) : whole,
  );
}
