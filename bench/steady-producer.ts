import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

/** Writes at a fixed rate whatever the answers take, as many independent clients do, and keeps what each took. */
export class SteadyProducer {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  /** @param path of the request on a service @param body of every request, JSON. */
  constructor(
    private readonly url: string,
    private readonly path: string,
    private readonly body: string,
  ) {}

  /**
   * @param perSecond requests; they are sent when they are due, and not when the one before was answered
   * @returns milliseconds of each from sending to the end of the answer.
   * @throws when an answer is no success.
   */
  async during(ms: number, perSecond: number): Promise<readonly number[]> {
    const began = performance.now();
    const times: Promise<number>[] = [];
    for (let n = 0; ; n++) {
      const due = began + (n * 1_000) / perSecond;
      if (due >= began + ms) break;
      const ahead = due - performance.now();
      if (ahead > 0) await wait(ahead);
      times.push(this.#send());
    }
    return await Promise.all(times);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(): Promise<number> {
    const { body } = this;
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const asked = request(this.url + this.path, { method: 'POST', agent: this.#agent, headers }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`POST ${this.path} was answered ${answer.statusCode}`));
        answer.once('end', () => resolve(performance.now() - began));
        answer.resume();
      });
      asked.once('error', reject);
      asked.end(body);
    });
  }
}
