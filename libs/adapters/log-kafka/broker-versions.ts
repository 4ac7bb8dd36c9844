import type { ApiVersionsAnswer } from './client.js';
import { clusterUnsupported, expectNone } from './error-codes.js';
import { NEEDED_REQUESTS } from './needed-requests.js';
import { enlistingProduceApi } from './wire-produce.js';
import { endTxnAndEpoch, enlistingTxnOffsetCommit } from './wire-transactions.js';

/** A request by its key, at a version. */
interface VersionedRequest {
  readonly key: number;
  readonly version: number;
}

/** The requests that make up the second transaction protocol. */
const SECOND_PROTOCOL: readonly VersionedRequest[] = [enlistingProduceApi, enlistingTxnOffsetCommit, endTxnAndEpoch];

/** What the brokers of a cluster serve, and what they have agreed on, as they last said. */
export class BrokerVersions {
  #ranges = new Map<number, readonly [min: number, max: number]>();
  #transactionVersion = 0;

  /** @throws {KafkaRefusal} */
  note(answer: ApiVersionsAnswer): void {
    expectNone('ApiVersions', answer.errorCode);
    this.#ranges = new Map(answer.apiKeys.map((one) => [one.apiKey, [one.minVersion, one.maxVersion]]));
    const agreed = answer.finalizedFeatures?.find((one) => one.name === 'transaction.version');
    this.#transactionVersion = agreed?.maxVersionLevel ?? 0;
  }

  supports({ key, version }: VersionedRequest): boolean {
    const range = this.#ranges.get(key);
    return range !== undefined && range[0] <= version && version <= range[1];
  }

  /** Level of the feature `transaction.version`; 0 where the brokers do not know it. */
  get transactionVersion(): number {
    return this.#transactionVersion;
  }

  /** Whether the brokers take transactions of the second protocol (KIP-890). */
  get haveSecondProtocol(): boolean {
    return this.#transactionVersion >= 2 && SECOND_PROTOCOL.every((one) => this.supports(one));
  }

  /** @throws `cluster-unsupported` when a request this adapter cannot do without is not served. */
  require(cluster: string): void {
    const missing = NEEDED_REQUESTS.filter((one) => !this.supports(one)).map(
      (one) => `${one.key} version ${one.version}`,
    );
    if (missing.length > 0) {
      throw clusterUnsupported(cluster, `its brokers do not serve these requests: ${missing.join(', ')}`);
    }
  }
}
