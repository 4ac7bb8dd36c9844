import type { JsonNode } from '../lossless-json.js';
import { samplesTooDeep, samplesTooVaried } from '../errors.js';
import { formsOf, type TextForm } from './text-forms.js';

/** Bounds of what is kept of samples, whatever they are. */
export const INFERENCE_LIMITS = {
  /** Places told apart in all samples together. */
  places: 10_000,
  /** Levels of lists and objects in one sample. */
  depth: 20,
  /** Characters of one sample. */
  sampleLength: 1024 * 1024,
  /** Values in one sample, lists and objects themselves counted, where samples are lines or records. */
  sampleValues: 10_000,
  /** Members an object may have in all samples together before it counts as a map. */
  members: 500,
  /** Different texts kept at one place. */
  distinctTexts: 64,
  /** Characters of a text that is kept. */
  keptText: 64,
} as const;

/** Kinds of values, whole numbers apart from others. */
export const VALUE_KINDS = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** Counts places, so that all observations of one inference together stay bounded. */
export class Places {
  #count = 0;

  take(): void {
    if (++this.#count > INFERENCE_LIMITS.places) throw samplesTooVaried(INFERENCE_LIMITS.places);
  }
}

/** What all samples together had at one place: kinds with their counts, ranges, forms and parts. Feeding the same samples in the same order gives the same. */
export class Observation {
  readonly counts: Record<ValueKind, number> = {
    null: 0,
    boolean: 0,
    integer: 0,
    number: 0,
    string: 0,
    array: 0,
    object: 0,
  };
  /** Of whole numbers. */
  least: bigint | undefined;
  greatest: bigint | undefined;
  /** Most digits behind the point. */
  fractionDigits = 0;
  longestText = 0;
  /** Forms that every text had. */
  forms: ReadonlySet<TextForm> | undefined;
  /** Texts by how often they came; undefined once there were too many or one was too long. */
  texts: Map<string, number> | undefined = new Map();
  longestList = 0;
  items: Observation | undefined;
  /** Members by name, in the order in which they first came; undefined once they are {@link values} of a map. */
  members: Map<string, Observation> | undefined = new Map();
  values: Observation | undefined;

  /** {@link mapValues} of members that are still members; made when asked for, outdated by the next sample. */
  #merged: Observation | undefined;

  constructor(private readonly places: Places) {
    places.take();
  }

  get seen(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  /** Kinds that occurred, in the order of {@link VALUE_KINDS}. */
  get kinds(): readonly ValueKind[] {
    return VALUE_KINDS.filter((kind) => this.counts[kind] > 0);
  }

  /** @throws `samples-too-deep`, `samples-too-varied`. */
  add(node: JsonNode, depth = 0): void {
    if (depth > INFERENCE_LIMITS.depth) throw samplesTooDeep(INFERENCE_LIMITS.depth);
    switch (node.kind) {
      case 'null':
      case 'boolean':
        this.counts[node.kind]++;
        return;
      case 'number':
        return this.#number(node.text);
      case 'string':
        return this.#text(node.value);
      case 'array': {
        this.counts.array++;
        this.longestList = Math.max(this.longestList, node.items.length);
        if (node.items.length > 0) this.items ??= new Observation(this.places);
        for (const item of node.items) this.items!.add(item, depth + 1);
        return;
      }
      case 'object': {
        this.counts.object++;
        for (const [name, member] of node.members) this.#member(name).add(member, depth + 1);
        return;
      }
    }
  }

  /** Everything another place had, as if it had been here. */
  merge(other: Observation): void {
    for (const kind of VALUE_KINDS) this.counts[kind] += other.counts[kind];
    this.#widen(other.least);
    this.#widen(other.greatest);
    this.fractionDigits = Math.max(this.fractionDigits, other.fractionDigits);
    this.longestText = Math.max(this.longestText, other.longestText);
    this.longestList = Math.max(this.longestList, other.longestList);
    if (other.forms !== undefined) this.#narrow(other.forms);
    if (other.texts === undefined) this.texts = undefined;
    else for (const [text, count] of other.texts) this.#keep(text, count);
    if (other.items !== undefined) (this.items ??= new Observation(this.places)).merge(other.items);
    if (other.values !== undefined) this.#collapsed().merge(other.values);
    for (const [name, member] of other.members ?? []) this.#member(name).merge(member);
  }

  /** What the members had in common, as values of a map. */
  get mapValues(): Observation {
    if (this.values !== undefined) return this.values;
    if (this.#merged === undefined) {
      this.#merged = new Observation(this.places);
      for (const member of this.members!.values()) this.#merged.merge(member);
    }
    return this.#merged;
  }

  #number(text: string): void {
    if (/^-?[0-9]{1,40}$/.test(text)) {
      this.counts.integer++;
      this.#widen(BigInt(text));
      return;
    }
    this.counts.number++;
    const digits = /\.([0-9]+)/.exec(text)?.[1]?.replace(/0+$/, '').length ?? 0;
    this.fractionDigits = Math.max(this.fractionDigits, digits);
  }

  #widen(value: bigint | undefined): void {
    if (value === undefined) return;
    if (this.least === undefined || value < this.least) this.least = value;
    if (this.greatest === undefined || value > this.greatest) this.greatest = value;
  }

  #text(value: string): void {
    this.counts.string++;
    this.longestText = Math.max(this.longestText, value.length);
    if (this.forms?.size !== 0) this.#narrow(new Set(formsOf(value)));
    this.#keep(value, 1);
  }

  #narrow(forms: ReadonlySet<TextForm>): void {
    this.forms = this.forms === undefined ? forms : new Set([...this.forms].filter((form) => forms.has(form)));
  }

  #keep(text: string, count: number): void {
    if (this.texts === undefined) return;
    const known = this.texts.get(text) ?? 0;
    const tooMany = known === 0 && this.texts.size >= INFERENCE_LIMITS.distinctTexts;
    if (tooMany || text.length > INFERENCE_LIMITS.keptText) this.texts = undefined;
    else this.texts.set(text, known + count);
  }

  #member(name: string): Observation {
    this.#merged = undefined;
    if (this.members === undefined) return this.values!;
    const known = this.members.get(name);
    if (known !== undefined) return known;
    if (this.members.size >= INFERENCE_LIMITS.members) return this.#collapsed();
    const made = new Observation(this.places);
    this.members.set(name, made);
    return made;
  }

  #collapsed(): Observation {
    if (this.values === undefined) {
      const values = this.mapValues;
      this.values = values;
      this.members = undefined;
    }
    return this.values;
  }
}
