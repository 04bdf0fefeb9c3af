import type { RequestContext, ResponseContext } from '../variables/contexts.ts';

/** A request as an action left it: everything but the changes still comes from the request below, when it is asked for. */
export class ChangedRequest implements RequestContext {
  readonly #below: RequestContext;
  readonly #changes: RequestChanges;

  constructor(below: RequestContext, changes: RequestChanges) {
    // Changes do not pile up: a hundred actions still leave two layers.
    const flat = below instanceof ChangedRequest;
    this.#below = flat ? below.#below : below;
    this.#changes = flat ? { ...below.#changes, ...changes } : changes;
  }

  get method(): string {
    return this.#below.method;
  }

  get scheme(): 'http' | 'https' {
    return this.#below.scheme;
  }

  get authority(): string {
    return this.#changes.authority ?? this.#below.authority;
  }

  get target(): string {
    return this.#changes.target ?? this.#below.target;
  }

  get version(): string {
    return this.#below.version;
  }

  get fields(): readonly string[] {
    return this.#changes.fields ?? this.#below.fields;
  }

  get trailers(): readonly string[] {
    return this.#below.trailers;
  }

  get contentLength(): number | null {
    return this.#below.contentLength;
  }

  get headerReceivedAt(): Date {
    return this.#below.headerReceivedAt;
  }

  get bodyReceivedAt(): Date | null {
    return this.#below.bodyReceivedAt;
  }
}

export interface RequestChanges {
  readonly authority?: string;
  readonly target?: string;
  readonly fields?: readonly string[];
}

/** A response with other fields. */
export class ChangedResponse implements ResponseContext {
  readonly #below: ResponseContext;
  readonly fields: readonly string[];

  constructor(below: ResponseContext, fields: readonly string[]) {
    this.#below = below instanceof ChangedResponse ? below.#below : below;
    this.fields = fields;
  }

  get statusCode(): number {
    return this.#below.statusCode;
  }

  get trailers(): readonly string[] {
    return this.#below.trailers;
  }

  get contentLength(): number | null {
    return this.#below.contentLength;
  }
}
