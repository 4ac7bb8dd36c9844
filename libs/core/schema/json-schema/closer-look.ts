import type { CompatibilityPolicy, WarningRule } from '../format.js';
import type { JsonNode } from '../lossless-json.js';
import type { StepBudget } from '../step-budget.js';
import type { JsonDiffer } from './differ.js';
import { valueText } from './load-classic.js';
import type { SchemaNode } from './node.js';
import type { JudgedPair } from './pairs.js';

/** A judgement of the reference registry that is open to doubt. */
export interface JsonWarningRule extends WarningRule {
  /** Paths below the pair at which it was made; none where it was not. */
  where(pair: JudgedPair, look: CloserLook): Iterable<readonly string[]>;
  /** `reader` and `writer` are the words `new` and `old`, whichever side each is. */
  what(place: string, reader: string, writer: string): string;
  readonly breaks: string;
  fix(reader: string, writer: string): string;
}

/** What the rules need beyond the pair. */
export class CloserLook {
  readonly #texts = new Map<JsonNode, string>();

  constructor(
    readonly differ: JsonDiffer,
    readonly policy: CompatibilityPolicy,
    private readonly steps: StepBudget,
  ) {}

  /** Text that is equal for equal values; undefined for undefined. */
  text(json: JsonNode | undefined): string | undefined {
    if (json === undefined) return undefined;
    let text = this.#texts.get(json);
    if (text === undefined) {
      this.#texts.set(json, (text = valueText(json)));
      this.steps.spend(text.length >> 3);
    }
    return text;
  }

  /** Whether the update has the keyword, and the original not or another value. */
  changed({ original, update }: JudgedPair, keyword: string): boolean {
    const value = keywordOf(update, keyword);
    return value !== undefined && this.text(value) !== this.text(keywordOf(original, keyword));
  }
}

/** The keyword as it stands on the schema object that a node is made of. */
export function keywordOf(node: SchemaNode, name: string): JsonNode | undefined {
  return node.json.kind === 'object' ? node.json.members.get(name) : undefined;
}
