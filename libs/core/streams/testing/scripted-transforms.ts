import type { ExpressionLanguages, Bindings } from '../migrate/pipeline.js';
import { pipelineOf } from '../migrate/pipeline.js';
import type { TransformProgram } from '../migrate/program.js';
import { invalidTransform, type TransformInput, type TransformOutcome, Transforms } from '../migrate/transforms.js';

/** What an expression stands for. */
export type Scripted = (bindings: Bindings) => unknown;

/** Transforms whose expressions are names of functions that the test gives. */
export class ScriptedTransforms extends Transforms {
  /** Records evaluated so far. */
  evaluated = 0;

  constructor(private readonly scripts: Readonly<Record<string, Scripted>>) {
    super();
  }

  async check(program: TransformProgram): Promise<void> {
    pipelineOf(program, this.#languages);
  }

  async apply(program: TransformProgram, inputs: readonly TransformInput[]): Promise<readonly TransformOutcome[]> {
    const pipeline = pipelineOf(program, this.#languages);
    this.evaluated += inputs.length;
    return await Promise.all(inputs.map((input) => pipeline(input)));
  }

  readonly #languages: ExpressionLanguages = {
    cel: (text) => this.#script(text),
    jsonata: (text) => {
      const script = this.#script(text);
      return async (bindings) => script(bindings);
    },
  };

  #script(text: string): Scripted {
    const script = this.scripts[text];
    if (script === undefined) throw invalidTransform(text, undefined, 'the test gives no function of this name');
    return script;
  }
}
