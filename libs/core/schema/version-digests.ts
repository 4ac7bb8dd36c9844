import type { SchemaDigest } from './digest.js';
import type { Direction } from './format.js';

/** The form of the text, and of the digests in it. A text of another form is of another release, and means nothing here. */
const FORM = 1;

/** What the digests of one subject may take, in bytes as estimated. Schemas beyond it are known without digests. */
const MAX_WEIGHT = 2 * 1024 * 1024;
const BASE_WEIGHT = 500;
const SCHEMA_WEIGHT = 160;
const PART_WEIGHT = 200;
const RUN_WEIGHT = 16;

/** Places that follow one another, as pairs of a first one and the one after the last; ascending. */
type Runs = number[];

interface KnownPart {
  readonly content: string;
  readonly required: boolean;
  /** The schemas that have it. */
  readonly runs: Runs;
}

/**
 * What is remembered of many stored schemas, so that a new one is held against all of them without reading any: their digests laid over one another, and their sketches.
 * Schemas are named by id and take places in the order in which they are added. Nothing is ever taken out; what is known of an id stays true, since an id stands for one schema for good.
 */
export class VersionDigests {
  readonly #places = new Map<number, number>();
  readonly #sketches: (string | null)[] = [];
  readonly #frames = new Map<string, Runs>();
  readonly #parts = new Map<string, KnownPart[]>();
  #weight = BASE_WEIGHT;

  /** Estimated bytes. */
  get weight(): number {
    return this.#weight;
  }

  /** Schemas known. */
  get size(): number {
    return this.#places.size;
  }

  has(id: number): boolean {
    return this.#places.has(id);
  }

  /**
   * Adds a schema; one that is known stays as it is.
   * @param sketch as `storedSketch` tells; null where that does not.
   * @param digest undefined for a schema that always has to be compared.
   */
  add(id: number, sketch: string | null, digest: SchemaDigest | undefined): void {
    if (this.has(id)) return;
    const place = this.size;
    this.#places.set(id, place);
    this.#sketches.push(sketch);
    this.#weight += SCHEMA_WEIGHT;
    if (digest === undefined || this.#weight + RUN_WEIGHT * digest.parts.length > MAX_WEIGHT) return;
    for (const { name, content, required } of digest.parts) {
      const known = this.#parts.get(name) ?? [];
      if (known.length === 0) this.#parts.set(name, known);
      let part = known.find((one) => one.content === content && one.required === required);
      if (part === undefined) {
        part = { content, required, runs: [] };
        known.push(part);
        this.#weight += PART_WEIGHT + name.length + content.length;
      }
      this.#extend(part.runs, place);
    }
    const frame = this.#frames.get(digest.frame) ?? [];
    if (frame.length === 0) this.#frames.set(digest.frame, frame);
    this.#weight += digest.frame.length;
    this.#extend(frame, place);
  }

  /** Whether the schema may be the same as one of this sketch; true where that is not known. */
  mayEqual(id: number, sketch: string): boolean {
    const place = this.#places.get(id);
    const known = place === undefined ? null : this.#sketches[place]!;
    return known === null || known === sketch;
  }

  /**
   * Tells of each schema, by id, whether a new one is compatible with it for certain in all of these directions. False says nothing: it has to be compared.
   * @param candidate undefined: nothing is certain.
   */
  certain(candidate: SchemaDigest | undefined, directions: readonly Direction[]): (id: number) => boolean {
    const frame = candidate && this.#frames.get(candidate.frame);
    if (candidate === undefined || frame === undefined) return () => false;
    const doubtful = new Uint8Array(this.size).fill(1);
    fill(doubtful, frame, 0);
    for (const { name, content, required } of candidate.parts) {
      const known = this.#parts.get(name) ?? [];
      for (const one of known) if (one.content !== content) fill(doubtful, one.runs, 1);
      if (required && directions.includes('new-reads-old')) fillGaps(doubtful, known);
    }
    if (directions.includes('old-reads-new')) {
      const written = new Set(candidate.parts.map(({ name }) => name));
      for (const [name, known] of this.#parts) {
        if (written.has(name)) continue;
        for (const one of known) if (one.required) fill(doubtful, one.runs, 1);
      }
    }
    return (id) => {
      const place = this.#places.get(id);
      return place !== undefined && doubtful[place] === 0;
    };
  }

  /** All of it as text, for {@link parse}. */
  toText(): string {
    const contents = new Map<string, number>();
    const numbered = (content: string): number => {
      const number = contents.get(content) ?? contents.size;
      contents.set(content, number);
      return number;
    };
    const parts = [...this.#parts].map(([name, known]) => [
      name,
      ...known.map(({ content, required, runs }) => [numbered(content), required ? 1 : 0, ...runs]),
    ]);
    return JSON.stringify([
      FORM,
      [...this.#places.keys()],
      this.#sketches,
      [...this.#frames],
      [...contents.keys()],
      parts,
    ]);
  }

  /** @returns undefined for a text of another release, which may be left alone or written anew. */
  static parse(text: string): VersionDigests | undefined {
    const [form, ids, sketches, frames, contents, parts] = JSON.parse(text) as [
      number,
      number[],
      (string | null)[],
      [string, Runs][],
      string[],
      [string, ...[number, number, ...Runs][]][],
    ];
    if (form !== FORM) return undefined;
    const digests = new VersionDigests();
    ids.forEach((id, place) => digests.#places.set(id, place));
    digests.#sketches.push(...sketches);
    digests.#weight += SCHEMA_WEIGHT * ids.length;
    for (const [frame, runs] of frames) {
      digests.#frames.set(frame, runs);
      digests.#weight += frame.length + RUN_WEIGHT * (runs.length / 2);
    }
    for (const [name, ...known] of parts) {
      digests.#parts.set(
        name,
        known.map(([content, required, ...runs]) => {
          digests.#weight += PART_WEIGHT + name.length + contents[content]!.length + RUN_WEIGHT * (runs.length / 2);
          return { content: contents[content]!, required: required === 1, runs };
        }),
      );
    }
    return digests;
  }

  #extend(runs: Runs, place: number): void {
    if (runs.at(-1) === place) {
      runs[runs.length - 1] = place + 1;
      return;
    }
    runs.push(place, place + 1);
    this.#weight += RUN_WEIGHT;
  }
}

function fill(marks: Uint8Array, runs: Runs, mark: 0 | 1): void {
  for (let at = 0; at < runs.length; at += 2) marks.fill(mark, runs[at], runs[at + 1]);
}

/** Marks the schemas that have the part in no form. Each has it in one. */
function fillGaps(marks: Uint8Array, known: readonly KnownPart[]): void {
  const runs = known.flatMap((one) =>
    one.runs.flatMap((from, at) => (at % 2 === 0 ? [[from, one.runs[at + 1]!]] : [])),
  );
  let end = 0;
  for (const [from, to] of runs.sort(([a], [b]) => a! - b!)) {
    marks.fill(1, end, from);
    end = to!;
  }
  marks.fill(1, end);
}
