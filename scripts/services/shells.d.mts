/** Installs the shells that are missing; throws when one cannot be had. */
export function haveShells(names: readonly string[]): Promise<void>;
