/** Set by the build of the package and of the executables; absent when run from source. */
declare const PORTICO_VERSION: string | undefined;

/** The version that was built in, null when this runs from a checkout. */
export const packagedVersion: string | null = typeof PORTICO_VERSION === 'string' ? PORTICO_VERSION : null;

export const isPackaged: boolean = packagedVersion !== null;
