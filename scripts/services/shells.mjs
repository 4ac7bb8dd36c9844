/** Shells for tests: those of this machine, or Debian's. */
import { findCommand, installDebian } from './service-process.mjs';

/**
 * Installs the shells that are missing.
 * @param {readonly string[]} names commands, each in the Debian package of its name
 * @throws {ServiceUnavailable} when one cannot be had
 */
export async function haveShells(names) {
  const missing = names.filter((name) => findCommand(name) === undefined);
  if (missing.length > 0) await installDebian(missing, 'the test of completion scripts');
}
