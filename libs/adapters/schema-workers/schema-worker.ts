import type { MessagePort } from 'node:worker_threads';
import { deferred, type Deferred } from '#libs/core/kernel';
import {
  parseExact,
  VALUE_DEPTH,
  type EarlierSource,
  type LocalSchemaEngine,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
} from '#libs/core/schema';
import {
  toWireError,
  type DecodedText,
  type EncoderFacts,
  type NamedVersion,
  type SchemaJob,
  type WireReading,
  type WorkerOutcome,
  type WorkerQuestion,
} from './protocol.js';

/** Does the jobs that come through the port, one at a time, with an engine that remembers what it has read. */
export class SchemaWorker {
  #reply: Deferred<unknown> | undefined;

  constructor(
    private readonly port: MessagePort,
    private readonly engine: LocalSchemaEngine,
  ) {
    port.on('message', (message: unknown) => {
      const asked = this.#reply;
      if (asked === undefined) void this.#job(message as SchemaJob);
      else {
        this.#reply = undefined;
        asked.resolve(message);
      }
    });
    port.postMessage({ ready: true });
  }

  async #job(job: SchemaJob): Promise<void> {
    let outcome: WorkerOutcome;
    try {
      outcome = { answer: await this.#answer(job) };
    } catch (error) {
      outcome = { failure: toWireError(error) };
    }
    this.port.postMessage(outcome);
  }

  async #answer(job: SchemaJob): Promise<unknown> {
    switch (job.kind) {
      case 'read':
        return wireReading(await this.engine.read(job.source, job.options));
      case 'formatted':
        return this.engine.formatted(job.source, job.format);
      case 'taggedParts':
        return this.engine.taggedParts(job.source);
      case 'retagged':
        return this.engine.retagged(job.source, job.edits);
      case 'fields':
        return this.engine.fields(job.source);
      case 'tried':
        return this.engine.tried(job.trial);
      case 'rewritten':
        // Cloning a part of a buffer clones all of it.
        return (await this.engine.rewritten(job.rewriting)).map((one) =>
          'payload' in one ? { indexes: new Uint8Array(one.indexes), payload: new Uint8Array(one.payload) } : one,
        );
      case 'codec':
        await this.#codec(job);
        return null;
      case 'encoder': {
        const { message, indexes } = (await this.#codec(job)).encoder(job.message);
        return { message, indexes } satisfies EncoderFacts;
      }
      case 'encode':
        return (await this.#codec(job)).encoder(job.message).encode(parseExact(job.value, VALUE_DEPTH));
      case 'decode': {
        const codec = await this.#codec(job);
        const { payload, indexes } = job;
        const { message, value } = indexes === null ? codec.decode(payload, 0) : codec.decodeBare(payload, indexes);
        return { message, value: JSON.stringify(value) } satisfies DecodedText;
      }
      case 'judge': {
        const verdict = await this.engine.judge(this.#judgement(job));
        // The text of an earlier version is only quoted where it failed.
        const checks = verdict.checks.map((check) => {
          const { type, canonical } = check.earlier;
          return { ...check, earlier: { type, canonical: check.differences.length > 0 ? canonical : '' } };
        });
        return { ...verdict, checks };
      }
      case 'warnings':
        return this.engine.warnings(this.#judgement(job));
    }
  }

  async #codec({ source, form }: SchemaJob & { readonly kind: 'codec' | 'encoder' | 'encode' | 'decode' }) {
    const known = source.storedAs === undefined || this.engine.knows(source);
    return this.engine.codec(known ? source : ((await this.#ask({ ask: 'source' })) as SchemaSource), form);
  }

  #judgement(job: SchemaJob & { kind: 'judge' | 'warnings' }): SourceJudgement {
    const { level, candidate, normalize, policy, proofs } = job;
    return { level, candidate, normalize, policy, proofs, earlier: () => this.#earlier() };
  }

  /** Versions are named first; texts are only asked for where they are not known. */
  async *#earlier(): AsyncGenerator<EarlierSource> {
    for (;;) {
      const named = (await this.#ask({ ask: 'versions' })) as readonly NamedVersion[];
      if (named.length === 0) return;
      const texts = new Map<number, EarlierSource['source']>();
      for (const [index, { version, source }] of named.entries()) {
        if (!texts.has(index) && !this.engine.knows(source)) {
          const of = named.flatMap((one, i) => (i >= index && !this.engine.knows(one.source) ? [i] : []));
          const sent = (await this.#ask({ ask: 'texts', of })) as readonly EarlierSource['source'][];
          sent.forEach((one, i) => texts.set(of[i]!, one));
        }
        yield { version, source: texts.get(index) ?? source };
      }
    }
  }

  #ask(question: WorkerQuestion): Promise<unknown> {
    this.#reply = deferred();
    this.port.postMessage(question);
    return this.#reply.promise;
  }
}

function wireReading(reading: SchemaReading): WireReading {
  // Members may be made when they are asked for.
  const { type, canonical, equivalence, sketch, topLevelFieldNames, outline, refusal } = reading;
  return {
    type,
    canonical,
    equivalence,
    sketch,
    topLevelFieldNames,
    outline,
    refusal: refusal && toWireError(refusal),
  };
}
