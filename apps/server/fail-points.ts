import { AppError } from '#libs/core/kernel';

/**
 * For tests of crashes only: `WEIR_FAIL_POINT=journal-flushed:3` lets the process kill itself, with no handler run and nothing flushed, the third time
 * it passes the step of that name. Without the variable the hooks cost nothing and do nothing.
 */
export class FailPoints {
  #left: number;

  private constructor(
    private readonly name: string | undefined,
    passes: number,
  ) {
    this.#left = passes;
  }

  /** @throws `invalid-fail-point` for text that is no name with an optional count. */
  static from(text: string | undefined): FailPoints {
    if (text === undefined || text === '') return new FailPoints(undefined, 0);
    const [, name, passes] = /^([a-zA-Z][a-zA-Z0-9:_-]*?)(?::([1-9][0-9]{0,8}))?$/.exec(text) ?? [];
    if (name === undefined) {
      throw new AppError({
        kind: 'invalid',
        code: 'invalid-fail-point',
        message: `WEIR_FAIL_POINT='${text}' is not a step's name with an optional count, such as journal-flushed:3.`,
      });
    }
    return new FailPoints(name, passes === undefined ? 1 : Number(passes));
  }

  /** To be called at each named step. */
  readonly pass = (name: string): void => {
    if (name !== this.name || --this.#left > 0) return;
    process.kill(process.pid, 'SIGKILL');
  };
}
