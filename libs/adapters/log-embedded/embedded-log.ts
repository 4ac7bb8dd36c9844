import { LogEngine } from '#libs/core/log';
import type { EmbeddedLogOptions } from './options.js';

/** The durable log of one machine. See the README for its laws. */
export abstract class EmbeddedLog extends LogEngine {
  /** Flushes segments and state and lets the journal shrink, now instead of when its turn comes. */
  abstract checkpoint(): Promise<void>;
}

/**
 * Opens the log in a directory, creating it when the directory is empty or missing, and recovering it after an unclean stop.
 * @throws `log-locked`, `log-format-unknown`, `log-directory-foreign`, `log-corrupt`.
 */
export function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  return Promise.reject(new Error(`not yet: ${options.directory}`));
}
