import { classRecord, TEXT_FIELD } from '../expressions/record-type.ts';

/** A media type (RFC 9110 section 8.3.1). As a text it is the type without parameters, lower-case. */
export class ContentType {
  readonly raw: string;
  #parameters: Map<string, string> | null = null;

  constructor(raw: string) {
    this.raw = raw;
  }

  get [TEXT_FIELD](): string {
    const semicolon = this.raw.indexOf(';');
    return (semicolon === -1 ? this.raw : this.raw.slice(0, semicolon)).trim().toLowerCase();
  }

  get parameters(): Map<string, string> {
    this.#parameters ??= parseParameters(this.raw);
    return this.#parameters;
  }
}

export const CONTENT_TYPE = classRecord('ContentType', ContentType, {
  [TEXT_FIELD]: 'string',
  parameters: 'map<string, string>',
  raw: 'string',
});

function parseParameters(raw: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const piece of raw.split(';', 64).slice(1)) {
    const equals = piece.indexOf('=');
    if (equals === -1) continue;
    const value = piece.slice(equals + 1).trim();
    const text = /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
    parameters.set(piece.slice(0, equals).trim().toLowerCase(), text);
  }
  return parameters;
}
