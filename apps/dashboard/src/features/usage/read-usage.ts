import { list, nullable, number, object, type Reader, text } from '../../lib/shape.ts';
import type { UsageBucket } from './usage-days.ts';

const readBucket = object({
  start: text,
  endpoint_id: nullable(text),
  url: nullable(text),
  requests: number,
  connections: number,
  bytes_in: number,
  bytes_out: number,
  errors: number,
});

/** The answer of `/usage`. */
export const readUsage: Reader<readonly UsageBucket[]> = (value) =>
  object({ usage: list(readBucket) })(value).usage.map(
    ({ endpoint_id: endpointId, bytes_in: bytesIn, bytes_out: bytesOut, ...rest }) => ({
      ...rest,
      endpointId,
      bytesIn,
      bytesOut,
    }),
  );
