import { Breath, type Clock } from '#libs/core/kernel';
import type { SchemaEngine } from '../engine.js';
import { exactValue } from '../exact-json.js';
import type { SchemaType } from '../format.js';
import type { JsonNode } from '../lossless-json.js';
import { SchemaInference, type FieldStatistics, type InferenceConflict } from './inference.js';
import type { ProposalOptions } from './propose-avro.js';

/** Samples that can be gone through several times and are the same each time, in the same order. */
export type Samples = Iterable<JsonNode> | AsyncIterable<JsonNode>;

/** A schema made from samples, with what was seen in them. */
export interface SchemaProposal {
  readonly schemaType: SchemaType;
  readonly schema: string;
  /** Those that were looked at: all there were. */
  readonly samples: number;
  /** Those that were encoded with the schema; null where that is not tried. */
  readonly accepted: number | null;
  /** As {@link SchemaInference.fields}. */
  readonly fields: readonly FieldStatistics[];
  readonly conflicts: readonly InferenceConflict[];
}

/** Learns schemas from samples and tries them on the same samples, letting others go on between. Stores nothing. */
export class SchemaProposals {
  constructor(
    private readonly engine: SchemaEngine,
    private readonly clock: Clock,
  ) {}

  /**
   * The same samples in the same order give the same proposal.
   * @throws what going through the samples throws, and what {@link SchemaInference} does.
   */
  async propose(samples: Samples, schemaType: SchemaType, options: ProposalOptions): Promise<SchemaProposal> {
    const inference = new SchemaInference();
    await this.#each(samples, (sample) => inference.add(sample));
    const schema = inference.propose(schemaType, options);
    const accepted = schemaType === 'AVRO' ? await this.#accepted(schema, samples) : null;
    const { samples: count } = inference;
    return {
      schemaType,
      schema,
      samples: count,
      accepted,
      fields: inference.fields(),
      conflicts: inference.conflicts(),
    };
  }

  async #accepted(text: string, samples: Samples): Promise<number> {
    const codec = await this.engine.codec({ schemaType: 'AVRO', text, references: [], referencesKey: '' });
    const encoder = await codec.encoder();
    return this.#each(samples, (sample) => encoder.encode(exactValue(sample)));
  }

  /** @returns how many there were. */
  async #each(samples: Samples, look: (sample: JsonNode) => unknown): Promise<number> {
    const breath = new Breath(this.clock);
    let count = 0;
    for await (const sample of samples) {
      await look(sample);
      count++;
      await breath.take();
    }
    return count;
  }
}
