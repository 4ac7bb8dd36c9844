import type { Logger } from '#libs/platform/observability';

/** What was opened, to be closed in the opposite order. */
export class Closers {
  readonly #entries: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];

  add(name: string, close: () => Promise<void> | void): void {
    this.#entries.push({ name, close });
  }

  /** Closes everything, the last opened first. One that fails is logged and keeps none of the others open. @returns whether all went well. */
  async close(logger: Logger): Promise<boolean> {
    let clean = true;
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      try {
        await entry.close();
      } catch (error) {
        clean = false;
        logger.error({ err: error, part: entry.name }, 'a part of the service did not close in order');
      }
    }
    return clean;
  }
}
