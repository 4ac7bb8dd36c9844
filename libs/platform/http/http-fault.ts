/**
 * A refusal by the protocol itself, before any route's code: a method or media type that does not exist, a path that cannot be read. Domain errors are
 * `AppError`s; this carries the statuses that have no meaning outside HTTP.
 */
export class HttpFault extends Error {
  constructor(
    readonly status: number,
    /** Stable, kebab-case, public. */
    readonly code: string,
    message: string,
    readonly more: { readonly hint?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.name = 'HttpFault';
  }
}
