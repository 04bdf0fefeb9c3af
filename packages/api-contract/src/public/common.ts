import { z } from 'zod';

export const bytesMax = (bytes: number) =>
  z.string().refine((text) => new TextEncoder().encode(text).length <= bytes, `longer than ${bytes} bytes`);
export const description = bytesMax(255).nullish();
export const metadata = bytesMax(4096).nullish();
export const time = z.iso.datetime();
/** An id that a caller sends. */
export const wantedId = z.string().max(64);

export const ref = z.object({ id: z.string(), uri: z.string() });
export type Ref = z.infer<typeof ref>;

/** One client library repeats the id of the path in the body of an update. */
export const repeatedId = { id: z.string().nullish() };

/** What nearly every resource has. */
export const common = {
  id: z.string(),
  uri: z.string(),
  created_at: time,
  description: z.string(),
  metadata: z.string(),
};

/** `details.operation_id` finds the request in the server's log. */
export const apiError = z.object({
  /** `ERR_NGROK_…` */
  error_code: z.string(),
  status_code: z.int(),
  msg: z.string(),
  details: z.record(z.string(), z.string()),
});
export type ApiError = z.infer<typeof apiError>;
