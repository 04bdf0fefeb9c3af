/** Whether tests run at their full figures (`npm run test:long`). */
export const long = process.env.PORTICO_LONG === '1';

/** `full` at full figures, else `reduced`. */
export function scale<T>(reduced: T, full: T): T {
  return long ? full : reduced;
}

export const MiB = 1024 * 1024;
