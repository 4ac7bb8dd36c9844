import type { Verification } from '../verify/verification.js';

/** A switch that cannot go on now and leaves everything as it was, with the reason for people. */
export class SwitchRefused extends Error {
  override readonly name = 'SwitchRefused';

  constructor(
    readonly reason: string,
    readonly verification?: Verification,
  ) {
    super(reason);
  }
}
