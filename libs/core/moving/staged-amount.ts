import { AppError } from '#libs/core/kernel';

/** What one reading of a source may stage, so that one without end does not fill the disk. */
export class StagedAmount {
  #characters = 0;

  /** @param most characters of schemas. */
  constructor(private readonly most: number) {}

  /** @throws `import-too-large` when it is more than may be. */
  take(characters: number): void {
    this.#characters += characters;
    if (this.#characters <= this.most) return;
    throw new AppError({
      kind: 'too-large',
      code: 'import-too-large',
      message: `The source holds more than ${this.most} characters of schemas, which is the most that one import reads.`,
      hint: 'Import it context by context, or by prefixes of names.',
      details: { limit: 'stagedCharacters', value: this.most, measured: this.#characters },
    });
  }
}
