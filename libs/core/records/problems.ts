import { AppError, type ErrorItem, type JsonObject } from '#libs/core/kernel';

/** Problems listed in one refusal; the rest is counted. */
const MAX_ITEMS = 20;

/** Collects what is wrong with a request, so that all of it is reported together. */
export class Problems {
  readonly #items: ErrorItem[] = [];
  #more = 0;

  add(path: string, message: string): this {
    if (this.#items.length < MAX_ITEMS) this.#items.push({ path, message });
    else this.#more++;
    return this;
  }

  unknownMembers(object: JsonObject, known: ReadonlySet<string>, at: string): void {
    const why = `is not known; members are ${[...known].join(', ')}`;
    for (const member of Object.keys(object)) {
      if (!known.has(member)) this.add(`${at}/${member}`, why);
    }
  }

  error(kind: 'invalid' | 'unprocessable' = 'invalid'): AppError {
    const count = this.#items.length + this.#more;
    return new AppError({
      kind,
      code: kind === 'invalid' ? 'invalid-request' : 'invalid-record',
      message: `The request has ${count} problem${count === 1 ? '' : 's'}; nothing was written.`,
      items: this.#items,
    });
  }

  raise(kind: 'invalid' | 'unprocessable' = 'invalid'): void {
    if (this.#items.length > 0) throw this.error(kind);
  }
}
