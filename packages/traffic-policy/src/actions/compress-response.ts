import { defineAction, never } from './action-definition.ts';

/** `compress` is known by name only: no client asks for LZW any more, so the edge never picks it. */
export const COMPRESSIONS = ['gzip', 'deflate', 'br', 'zstd', 'compress'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

export interface CompressResponseConfig {
  readonly algorithms: readonly Compression[];
}

export const compressResponse = defineAction({
  type: 'compress-response',
  phases: ['on_http_response'],
  ends: never,
  read: (config): CompressResponseConfig => {
    const algorithms = config.choiceList('algorithms', COMPRESSIONS, 2214, { max: COMPRESSIONS.length });
    const duplicates = algorithms.filter((algorithm, index) => algorithms.indexOf(algorithm) !== index);
    if (duplicates.length > 0) config.problem(2231, 'algorithms', { duplicates: duplicates.join(', ') });
    return { algorithms: config.has('algorithms') ? algorithms : ['gzip', 'deflate', 'br', 'compress'] };
  },
});
