import operations from './operations.json' with { type: 'json' };

/** One route of the REST API, as a command line needs it. */
export interface ApiOperation {
  /** `reserved-domains` */
  readonly resource: string;
  /** `list`, `get`, `create`, … */
  readonly verb: string;
  readonly method: string;
  /** `{name}` stands for an argument. */
  readonly path: string;
  readonly summary: string;
  readonly query: readonly { readonly name: string; readonly about: string }[];
  readonly fields: readonly ApiField[];
}

export interface ApiField {
  readonly name: string;
  /** `texts`: a list, one flag each; `json`: anything else, written as JSON. */
  readonly kind: 'text' | 'number' | 'boolean' | 'texts' | 'json';
  readonly required: boolean;
}

/** All of them; the file is made from the schemas by `node scripts/generate.ts`. */
export function apiOperations(): readonly ApiOperation[] {
  return operations as readonly ApiOperation[];
}
