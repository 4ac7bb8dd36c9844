/**
 * As much of a schema as it takes to tell at once that it reads another one: most versions of a subject differ in a part or two.
 *
 * Data of a writer can be read for certain by a reader of the same frame, each of whose parts is in the writer with the same content, or is not there and not required.
 * A language gives digests only of schemas of which that is true, and where none of its warnings has anything to say of it. That it is not so says nothing: the schemas have to be compared.
 */
export interface SchemaDigest {
  /** What must be the same for the parts to be looked at one by one: the language, the name, the types declared. */
  readonly frame: string;
  /** Each name once. */
  readonly parts: readonly DigestPart[];
}

export interface DigestPart {
  readonly name: string;
  readonly content: string;
  /** Whether a reader that has it cannot do without it in what was written. */
  readonly required: boolean;
}

/** Characters of the texts that digests are made of at most: making one takes a millisecond then, in whatever thread. */
export const DIGESTED_LENGTH = 128 * 1024;
