import type { MessagePort } from 'node:worker_threads';
import {
  pipelineOf,
  type ExpressionLanguages,
  type Pipeline,
  type TransformOutcome,
  type TransformProgram,
} from '#libs/core/streams';
import { celExpression } from './cel-language.js';
import { jsonataExpression } from './jsonata-language.js';
import { replyOf, type TransformJob, type TransformReply } from './protocol.js';

/** Programs kept ready. */
const KEPT = 20;

const LANGUAGES: ExpressionLanguages = { cel: celExpression, jsonata: jsonataExpression };

/** Does the jobs that come through the port, one at a time, and keeps programs ready. */
export class TransformWorker {
  readonly #pipelines = new Map<string, Pipeline>();

  constructor(private readonly port: MessagePort) {
    port.on('message', (job: TransformJob) => void this.#job(job));
    port.postMessage({ ready: true });
  }

  async #job(job: TransformJob): Promise<void> {
    let reply: TransformReply;
    try {
      reply = { outcomes: await this.#outcomes(job) };
    } catch (error) {
      reply = replyOf(error);
    }
    this.port.postMessage(reply);
  }

  async #outcomes(job: TransformJob): Promise<readonly TransformOutcome[]> {
    const pipeline = this.#pipeline(job.program);
    const outcomes: TransformOutcome[] = [];
    if (job.kind === 'apply') for (const input of job.inputs) outcomes.push(await pipeline(input));
    return outcomes;
  }

  #pipeline(program: TransformProgram): Pipeline {
    const key = JSON.stringify(program);
    const known = this.#pipelines.get(key);
    if (known !== undefined) return known;
    const made = pipelineOf(program, LANGUAGES);
    const oldest = this.#pipelines.size >= KEPT ? this.#pipelines.keys().next().value : undefined;
    if (oldest !== undefined) this.#pipelines.delete(oldest);
    this.#pipelines.set(key, made);
    return made;
  }
}
