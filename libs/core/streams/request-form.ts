import { AppError, type ErrorItem, isJsonObject, type JsonObject, type JsonValue, nearest } from '#libs/core/kernel';

/** Collects what is wrong with a JSON request. */
export class RequestForm {
  readonly #problems: ErrorItem[] = [];

  /** @param what the request is for, as its refusal says it. */
  constructor(private readonly what: string) {}

  /** The members, an empty object for undefined. */
  object(value: JsonValue | undefined, path: string, known: readonly string[]): JsonObject {
    if (value === undefined || value === null) return {};
    if (!isJsonObject(value)) {
      this.problem(path, 'must be an object');
      return {};
    }
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      const close = nearest(name, known);
      const hint = close === undefined ? `known: ${known.join(', ')}` : `did you mean '${close}'?`;
      this.problem(path === '' ? name : `${path}.${name}`, `is not known; ${hint}`);
    }
    return Object.assign(Object.create(null) as JsonObject, value);
  }

  /** Text that is not empty, undefined where there is none. */
  text(value: JsonValue | undefined, path: string): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string' && value.length > 0) return value;
    this.problem(path, 'must be text');
    return undefined;
  }

  /** A whole number within bounds, undefined where there is none. */
  integer(value: JsonValue | undefined, path: string, min: number, max: number): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    this.problem(path, `must be an integer from ${min} to ${max}`);
    return undefined;
  }

  /** The elements, none where there is no list. */
  list(value: JsonValue | undefined, path: string, most: number): readonly JsonValue[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value) && value.length <= most) return value;
    this.problem(path, `must be a list of at most ${most}`);
    return [];
  }

  /** True or false. */
  flag(value: JsonValue | undefined, path: string, otherwise: boolean): boolean {
    if (value === undefined || value === null) return otherwise;
    if (typeof value === 'boolean') return value;
    this.problem(path, 'must be true or false');
    return otherwise;
  }

  /** One of several words. */
  choice<T extends string>(value: JsonValue | undefined, path: string, of: readonly T[], otherwise: T): T {
    if (value === undefined || value === null) return otherwise;
    const found = of.find((one) => one === value);
    if (found === undefined) this.problem(path, `must be one of ${of.join(', ')}`);
    return found ?? otherwise;
  }

  /** Notes a member that has to be there, unless something else is wrong with it; answers the stand-in. */
  missing(path: string, stand: string): string {
    if (!this.#problems.some((one) => one.path === path)) this.problem(path, 'is missing');
    return stand;
  }

  /** @throws `invalid-<what>-request`, with every problem named. */
  demandSound(): void {
    const [first] = this.#problems;
    if (first === undefined) return;
    throw new AppError({
      kind: 'invalid',
      code: `invalid-${this.what}-request`,
      message: `The ${this.what} request is not valid: ${this.#problems.map((one) => `'${one.path}' ${one.message}`).join('; ')}.`,
      items: this.#problems,
    });
  }

  /** Notes what is wrong with a member. */
  problem(path: string, message: string): void {
    this.#problems.push({ path, message });
  }
}
